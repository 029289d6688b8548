/** Makes one script and one style sheet of the page's modules. Only for this repository: what is published has them built. */
import { fileURLToPath } from 'node:url';

export interface Bundle {
  readonly script: string;
  readonly style: string;
}

/** `client`: the folder of its sources. */
export async function bundleClient(client: URL): Promise<Bundle> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('app.tsx', client))],
    tsconfig: fileURLToPath(new URL('tsconfig.json', client)),
    outdir: '/',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'eof',
  });
  const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  return { script: textOf('.js'), style: textOf('.css') };
}
