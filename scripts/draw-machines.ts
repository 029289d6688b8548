/**
 * Draws every machine of `machines/` into docs/machines.md, from its own configuration: `npm run draw`. A test fails when
 * the page is not what this would write.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyStateMachine, AnyStateNode } from 'xstate';

const machines = new URL('../machines/', import.meta.url);
const page = new URL('../docs/machines.md', import.meta.url);

type Transition = NonNullable<AnyStateNode['always']>[number];

interface Drawn {
  readonly file: string;
  readonly machine: AnyStateMachine;
  /** What the file says of itself, at its top. */
  readonly about: string;
}

/** Files that export a machine, by name. */
async function findMachines(): Promise<readonly Drawn[]> {
  const files = (await readdir(machines)).filter((file) => file.endsWith('.ts')).sort();
  const found = await Promise.all(
    files.map(async (file): Promise<Drawn[]> => {
      const url = new URL(file, machines);
      const exported = Object.entries((await import(url.href)) as Record<string, unknown>);
      const about = aboutOf(await readFile(url, 'utf8'));
      return exported
        .filter(([name]) => name.endsWith('Machine'))
        .map(([, machine]) => ({ file, about, machine: machine as AnyStateMachine }));
    }),
  );
  return found.flat();
}

/** The comment a file begins with, on one line. */
function aboutOf(source: string): string {
  const [, comment = ''] = /^\/\*\*(.*?)\*\//s.exec(source) ?? [];
  return comment
    .replaceAll(/\s*\n \*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** The page as it should be. */
export async function drawMachines(): Promise<string> {
  const drawn = await findMachines();
  const sections = drawn.map(({ file, machine, about }) =>
    [`## ${machine.id}`, '', `[machines/${file}](../machines/${file}): ${about}`, '', ...diagram(machine)].join('\n'),
  );
  return `${INTRODUCTION}\n\n${sections.join('\n\n')}\n`;
}

const INTRODUCTION = `# Machines

The life cycles Carillon comes with, as they run. Drawn from the machines themselves by \`npm run draw\`; do not edit. Every
transition is labelled with what causes it and, in brackets, the guard that has to agree. Those of \`any state\` hold wherever the
state itself has none for that event; one that leads nowhere changes only what the machine remembers.`;

function diagram({ root }: AnyStateMachine): readonly string[] {
  const everywhere = transitionsOf(root);
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...states(root, '  '),
    ...(everywhere.length > 0 ? ['  state "any state" as any_state'] : []),
    ...everywhere.map((line) => `  ${line}`),
    '```',
  ];
}

/** The states inside of one, with their transitions. */
function states(parent: AnyStateNode, indent: string): readonly string[] {
  const children = Object.values(parent.states);
  const initial = parent.type === 'parallel' ? [] : parent.initial.target;
  return [
    ...initial.map((child) => `${indent}[*] --> ${nameOf(child)}`),
    ...children.flatMap((child, index) => [
      ...(parent.type === 'parallel' && index > 0 ? [`${indent}--`] : []),
      ...inside(child, indent),
      ...transitionsOf(child).map((line) => indent + line),
      ...(child.type === 'final' ? [`${indent}${nameOf(child)} --> [*]`] : []),
    ]),
  ];
}

function inside(node: AnyStateNode, indent: string): readonly string[] {
  if (Object.keys(node.states).length === 0) return [];
  return [`${indent}state ${nameOf(node)} {`, ...states(node, `${indent}  `), `${indent}}`];
}

function transitionsOf(node: AnyStateNode): readonly string[] {
  const choices = [...node.transitions.values(), node.always ?? []];
  return choices.flatMap((several) => several.flatMap((one) => arrow(node, one, several.length > 1)));
}

function arrow(node: AnyStateNode, transition: Transition, oneOfSeveral: boolean): readonly string[] {
  const { target, guard } = transition;
  const label = `${causeOf(node, transition)}${guard === undefined ? (oneOfSeveral ? ' [else]' : '') : ` [${guardName(guard)}]`}`;
  if (!target) return [`${nameOf(node)} --> ${nameOf(node)} : ${label}`];
  return target.map((to) => `${nameOf(node)} --> ${nameOf(entered(to))} : ${label}`);
}

/** Entering the root is beginning again. */
function entered(node: AnyStateNode): AnyStateNode {
  return node.path.length === 0 && node.type === 'compound' ? (node.initial.target[0] as AnyStateNode) : node;
}

function causeOf(node: AnyStateNode, { eventType }: Transition): string {
  if (eventType === '') return 'always';
  const timer = node.after.find((delayed) => delayed.eventType === eventType);
  if (timer) return `after ${typeof timer.delay === 'function' ? 'inline' : timer.delay}`;
  const [, outcome, actor] = /^xstate\.(done|error)\.(?:actor|state)\.(.+)$/.exec(eventType) ?? [];
  return outcome === undefined ? eventType : `${actor} ${outcome}`;
}

function guardName(guard: unknown): string {
  const named = guard as string | { readonly type?: string; readonly name?: string };
  return typeof named === 'string' ? named : (named.type ?? named.name ?? 'inline');
}

/** Without what Mermaid would take for its own; of the root itself, what is drawn in its place. */
function nameOf({ path }: AnyStateNode): string {
  return path.length === 0 ? 'any_state' : path.join('_').replaceAll(/\W/g, '_');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(fileURLToPath(page), await drawMachines());
}
