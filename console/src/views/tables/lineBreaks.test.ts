import { expect, test } from 'vitest';
import { withBreaksOf } from './lineBreaks';

test.each<[string, string, string]>([
  ['', 'a\nb', 'a\nb'],
  ['a\nb', 'a\nb\nc', 'a\nb\nc'],
  ['a\r\nb\nc', 'a\nb\ncX', 'a\r\nb\ncX'],
  ['a\r\nb\nc', 'Xa\nb\nc', 'Xa\r\nb\nc'],
  ['a\r\nb\rc\nd', 'a\nbX\nc\nd', 'a\r\nbX\rc\nd'],
  ['a\r\nb\nc', 'a\nb', 'a\r\nb'],
  ['a\r\nb\nc', 'a\nb\nc', 'a\r\nb\nc'],
  ['a\rb\nc', 'a\nb1\nb2\nc', 'a\rb1\rb2\nc'],
  ['ab\r\nc', 'a\nb\nc', 'a\r\nb\r\nc'],
  ['a\r\nb', 'x\ny', 'x\r\ny'],
  ['a\r\n\r\na', 'a\na', 'a\r\na'],
  ['🐎\r\n🐎', '🐎\n🐎\n', '🐎\r\n🐎\r\n'],
])('%j as %j is %j', (before, typed, text) => {
  expect(withBreaksOf(before, typed)).toBe(text);
});
