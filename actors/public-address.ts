import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What is allocated to the public in IPv6. Outside it lie forms that hide an IPv4 address, such as `::7f00:1`. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether this is an address of the open internet. No loopback, private, link-local, shared, multicast, documentation or
 * reserved address is, nor one that wraps an IPv4 address (mapped, NAT64, 6to4, Teredo): what it leads to is decided elsewhere.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (family === 4) return ipaddr.IPv4.parse(address).range() === 'unicast';
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.range() === 'unicast' && parsed.match(PUBLIC_IPV6);
}
