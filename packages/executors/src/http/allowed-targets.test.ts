import { describe, expect, test } from 'vitest';
import { isPublicAddress, mayConnect, parseAllowedTargets, publicOnly } from './allowed-targets.ts';

const allow = (text: string) => {
  const parsed = parseAllowedTargets(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

describe('without an operator who allows more', () => {
  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '192.0.2.1',
    '198.18.0.1',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '[::1]',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:a9fe:a9fe',
    '::ffff:0:10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'fec0::1',
    'ff02::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:a9fe:a9fe::1',
    '3fff::1',
    '5f00::1',
    'localhost',
    '',
    '1.2.3',
    '0x7f.1',
    '2130706433',
    '127.1',
  ])('%s is not reached', (address) => {
    expect(isPublicAddress(address)).toBe(false);
    expect(mayConnect(publicOnly, 'a.example', address)).toBe(false);
  });

  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '100.63.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is', (address) => expect(mayConnect(publicOnly, 'a.example', address)).toBe(true));
});

test('a network that is allowed is reached, and nothing beside it', () => {
  const targets = allow(' 10.1.0.0/16, fd12::/16,169.254.169.254, 127.0.0.1/32');
  for (const address of ['10.1.2.3', 'fd12::5', '169.254.169.254', '127.0.0.1'])
    expect(mayConnect(targets, 'x', address), address).toBe(true);
  for (const address of ['10.2.0.1', 'fd13::5', '169.254.1.1', '127.0.0.2', '::1'])
    expect(mayConnect(targets, 'x', address), address).toBe(false);
});

test('a name that is allowed may be private, but never where clouds keep credentials', () => {
  const targets = allow('git.internal,*.corp.example');
  expect(mayConnect(targets, 'git.internal', '10.0.0.1')).toBe(true);
  expect(mayConnect(targets, 'GIT.internal.', '10.0.0.1')).toBe(true);
  expect(mayConnect(targets, 'a.b.corp.example', '192.168.0.1')).toBe(true);
  for (const name of ['corp.example', 'evilcorp.example', 'git.internal.evil.example', 'agit.internal'])
    expect(mayConnect(targets, name, '10.0.0.1'), name).toBe(false);
  expect(mayConnect(targets, 'git.internal', '169.254.169.254')).toBe(false);
  expect(mayConnect(targets, 'git.internal', 'fe80::1')).toBe(false);
});

test.each([
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/a',
  'fd00::/129',
  'http://a',
  'a b',
  '*',
  '*.',
  '10.0.0.0/8/8',
  'a:80',
])('refuses %j as a target', (text) => expect(parseAllowedTargets(text).ok).toBe(false));
