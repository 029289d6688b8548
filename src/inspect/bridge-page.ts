/**
 * A page that hands what the socket says to an inspector in a frame. The inspector is somebody else's page, so nothing of it is
 * loaded, and nothing told to it, before a person asks for that.
 */

/** `viewer`: address of the inspector. */
export function bridgePage(viewer: URL): string {
  const { href, origin } = viewer;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Carillon inspection</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/bridge.css">
<main>
  <p id="status" role="status">Connecting.</p>
  <button id="open" type="button" data-viewer="${escaped(href)}">Open the inspector of ${escaped(origin)} (external)</button>
  <p>What your actors hold is then shown by a page of ${escaped(origin)}, in this browser. Name what is to be hidden in the option
  <code>redact</code>. A viewer of your own reads the WebSocket at this address.</p>
</main>
<iframe id="viewer" title="Inspector" hidden></iframe>
<script src="/bridge.js"></script>
</html>
`;
}

export const bridgeStyle = `body { margin: 0; font: 14px system-ui, sans-serif; display: grid; grid-template-rows: auto 1fr; height: 100vh }
main { padding: 8px 16px; display: flex; gap: 16px; align-items: center }
iframe { border: 0; width: 100%; height: 100% }
`;

/** Keeps all it hears, because an inspector that is loaded again asks for all of it again. */
export const bridgeScript = `const frame = document.querySelector('#viewer');
const status = document.querySelector('#status');
const button = document.querySelector('#open');
const viewer = new URL(button.dataset.viewer);
const heard = [];
let connected = false;
const pass = (event) => frame.contentWindow.postMessage(event, viewer.origin);
window.addEventListener('message', ({ source, origin, data }) => {
  if (source !== frame.contentWindow || origin !== viewer.origin || data?.type !== '@statelyai.connected') return;
  connected = true;
  for (const event of heard) pass(event);
});
button.addEventListener('click', () => {
  frame.hidden = false;
  frame.src = viewer.href;
  button.remove();
});
const socket = new WebSocket(location.origin.replace(/^http/, 'ws'));
socket.addEventListener('open', () => { status.textContent = 'Connected.'; });
socket.addEventListener('close', () => { status.textContent = 'The connection has ended. Load the page again.'; });
socket.addEventListener('message', ({ data }) => {
  const event = JSON.parse(data);
  heard.push(event);
  if (connected) pass(event);
});
`;

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
