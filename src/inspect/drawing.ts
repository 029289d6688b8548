/** A picture as a tree of elements: written out as an SVG file here, or built as a page's own elements there. */

export interface Drawing {
  readonly tag: 'svg' | 'g' | 'rect' | 'circle' | 'path' | 'text' | 'title' | 'tspan';
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Drawing | string)[];
}

export function draw(
  tag: Drawing['tag'],
  attributes: Drawing['attributes'],
  ...children: readonly (Drawing | string)[]
): Drawing {
  return { tag, attributes, children };
}

/** The text of an SVG file. */
export function svgText({ tag, attributes, children }: Drawing): string {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(String(value))}"`);
  const inner = children.map((child) => (typeof child === 'string' ? escaped(child) : svgText(child)));
  return `<${tag}${written.join('')}>${inner.join('')}</${tag}>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What XML does not allow at all is left out. */
function escaped(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '');
}
