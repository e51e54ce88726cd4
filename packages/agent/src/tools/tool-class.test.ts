import type { ToolsContent } from '@skein/domain';
import { describe, expect, test } from 'vitest';
import { toolClassOf } from './tool-class.ts';

const classOf = (tool: string, effects?: ToolsContent['effects'], isRefused = false) =>
  toolClassOf({ refuses: () => isRefused, isServers: (name) => name.includes('__'), effects }, tool);

describe('the class of a call', () => {
  test.each([
    ['read', 'read_only'],
    ['think', 'read_only'],
    ['write', 'repeatable'],
    ['patch', 'repeatable'],
    ['load_skill', 'repeatable'],
    ['remember', 'repeatable'],
    ['delegate', 'repeatable'],
    ['reply', 'repeatable'],
    ['bash', 'effect'],
    ['shop__order', 'effect'],
    ['no_such_tool', 'read_only'],
  ])('of %s is %s when nothing is declared', (tool, expected) => {
    expect(classOf(tool)).toBe(expected);
  });

  test.each(['bash', 'shop__order'])('of %s is what its agent declares', (tool) => {
    expect(classOf(tool, { [tool]: { class: 'read_only' } })).toBe('read_only');
    expect(classOf(tool, { [tool]: { class: 'idempotent' } })).toBe('repeatable');
    expect(classOf(tool, { [tool]: { class: 'effect' } })).toBe('effect');
    expect(classOf(tool, { [tool]: { unknown: 'tell' } })).toBe('effect');
    expect(classOf(tool, JSON.parse('{"__proto__":{"class":"read_only"}}') as ToolsContent['effects'])).toBe('effect');
  });

  test('of a built-in tool cannot be declared away', () => {
    expect(classOf('write', { write: { class: 'read_only' } })).toBe('repeatable');
  });

  test('that is refused is read-only: nothing is done', () => {
    expect([classOf('bash', undefined, true), classOf('write', undefined, true)]).toEqual(['read_only', 'read_only']);
  });
});
