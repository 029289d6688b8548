/** The Chromium that is installed on this machine: nothing is ever downloaded. */
import { findService } from './services.ts';

export const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function findBrowser(): string | null {
  return findService('chromium');
}
