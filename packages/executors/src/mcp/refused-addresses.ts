import { BlockList, isIP, isIPv4 } from 'node:net';

// Cloud providers give credentials to whoever asks from the machine. No server of an agent lives at these addresses.

const refused = new BlockList();
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addAddress('100.100.100.200', 'ipv4');
refused.addAddress('168.63.129.16', 'ipv4');
refused.addAddress('192.0.0.192', 'ipv4');
refused.addSubnet('fe80::', 10, 'ipv6');
refused.addAddress('fd00:ec2::254', 'ipv6');
refused.addAddress('fd20:ce::254', 'ipv6');
// The same IPv4 network in the forms that translate to it.
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
refused.addSubnet('::a9fe:0', 112, 'ipv6');
refused.addSubnet('::ffff:0:a9fe:0', 112, 'ipv6');
refused.addSubnet('2002:a9fe::', 32, 'ipv6');

const refusedNames: readonly string[] = [
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'instance-data',
  'instance-data.ec2.internal',
];

/** True for link-local and metadata addresses in any notation, IPv4-mapped ones included; true for what is no address. */
export const isRefusedAddress = (address: string): boolean => {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (isIP(plain) === 0) return true;
  return refused.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
};

/** True for the host of a URL that must not even be resolved: a metadata name, or a refused address. */
export const isRefusedHost = (hostname: string): boolean => {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  return isAddress ? isRefusedAddress(name) : refusedNames.includes(name);
};
