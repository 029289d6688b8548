/** Who is at the other end of a request's connection: only what took the connection can know. */
import { BlockList, isIPv4 } from 'node:net';

const peers = new WeakMap<Request, string>();

/** `address`: as the socket has it. */
export function setPeer(request: Request, address: string): void {
  peers.set(request, address);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return loopback.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}

/** False also where nobody knows. */
export function comesFromHere(request: Request): boolean {
  const address = peers.get(request);
  return address !== undefined && isLoopback(address);
}
