/** What the page was told when it was served. */
interface Served {
  readonly basePath: string;
  readonly readOnly: boolean;
  readonly namespace: string;
}

const told = document.querySelector<HTMLMetaElement>('meta[name=carillon]')?.content;

export const session: Served = JSON.parse(told ?? '{}') as Served;

/** An address of ours, wherever the dashboard is mounted. */
export function here(path: string): string {
  return session.basePath + path;
}
