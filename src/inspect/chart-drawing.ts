/**
 * Draws a laid out chart. Every state is a group with `data-id`, every arrow one with `data-from` and `data-to`: what is active
 * is lit by a class, in the same picture, without laying anything out again. Colours are the style sheet's.
 */
import { TITLE_HEIGHT } from './chart-graph.ts';
import type { ChartLayout, PlacedArrow, PlacedBox, Point } from './chart-layout.ts';
import { type Drawing, draw } from './drawing.ts';

const LINE_HEIGHT = 16;
const LABEL_HEIGHT = 14;
const CORNER = 6;
const HEAD = 6;

export function drawChart({ width, height, boxes, arrows }: ChartLayout, title: string): Drawing {
  // Boxes first, so that an arrow into one inside is not hidden by the outer one.
  return draw(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'chart',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': title,
    },
    ...boxes.map(drawBox),
    ...arrows.map(drawArrow),
  );
}

function drawBox(box: PlacedBox): Drawing {
  const { id, role, kind, x, y, width, height } = box;
  if (role === 'start') {
    return draw('circle', { class: 'start', cx: round(x + width / 2), cy: round(y + height / 2), r: width / 2 });
  }
  const outline = {
    x: round(x),
    y: round(y),
    width: round(width),
    height: round(height),
    rx: kind === 'final' ? 14 : 6,
  };
  const inner = {
    ...outline,
    x: round(x + 3),
    y: round(y + 3),
    width: round(width - 6),
    height: round(height - 6),
    rx: 11,
  };
  const group: Drawing['attributes'] =
    role === 'everywhere' ? { class: 'everywhere' } : { class: `state ${kind}`, 'data-id': id };
  return draw(
    'g',
    group,
    draw('title', {}, id === '' ? box.title : id),
    draw('rect', { ...outline, class: 'outline' }),
    ...(kind === 'final' ? [draw('rect', { ...inner, class: 'inner' })] : []),
    draw('text', { class: 'name', x: round(x + 12), y: round(y + 21) }, box.title),
    ...(role === 'state'
      ? [
          draw('text', {
            class: 'count',
            'data-count': id,
            x: round(x + width - 12),
            y: round(y + 21),
            'text-anchor': 'end',
          }),
        ]
      : []),
    ...box.lines.map((line, index) =>
      draw('text', { class: 'line', x: round(x + 12), y: round(y + TITLE_HEIGHT + 9 + index * LINE_HEIGHT) }, line),
    ),
    ...box.children.map(drawBox),
  );
}

function drawArrow({ from, to, points, labels, labelAt }: PlacedArrow): Drawing {
  const [end, before] = [points.at(-1), points.at(-2)];
  if (!end || !before) return draw('g', {});
  return draw(
    'g',
    { class: 'arrow', 'data-from': from, 'data-to': to },
    draw('path', { class: 'way', d: wayOf(points) }),
    draw('path', { class: 'head', d: headOf(before, end) }),
    ...labels.map((label, index) =>
      draw(
        'text',
        {
          class: 'label',
          x: round((labelAt?.x ?? 0) + 4),
          y: round((labelAt?.y ?? 0) + 11 + index * LABEL_HEIGHT),
        },
        label,
      ),
    ),
  );
}

/** Straight pieces with rounded corners. */
function wayOf(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const [before, after] = [points[index - 1], points[index + 1]];
      if (!before) return `M${at(point)}`;
      if (!after) return `L${at(point)}`;
      const radius = Math.min(CORNER, distance(before, point) / 2, distance(point, after) / 2);
      return `L${at(towards(point, before, radius))}Q${at(point)} ${at(towards(point, after, radius))}`;
    })
    .join('');
}

function headOf(before: Point, end: Point): string {
  const back = towards(end, before, HEAD);
  const [dx, dy] = [(end.x - back.x) / 2, (end.y - back.y) / 2];
  return `M${at(end)}L${at({ x: back.x - dy, y: back.y + dx })}L${at({ x: back.x + dy, y: back.y - dx })}Z`;
}

function towards(from: Point, to: Point, by: number): Point {
  const length = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * by) / length, y: from.y + ((to.y - from.y) * by) / length };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function at({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
