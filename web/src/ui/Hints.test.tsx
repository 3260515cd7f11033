import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Hints } from './Hints';
import { hint, placeOf } from './hinting';

afterEach(cleanup);

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

function given() {
  render(
    <>
      <button type="button" {...hint('$1,204.500000001')}>
        <b>$1,204.50</b>
      </button>
      <i {...hint(undefined)}>plain</i>
      <Hints />
    </>,
  );
  return { price: screen.getByRole('button'), inside: screen.getByText('$1,204.50') };
}

function rest(on: Element) {
  fireEvent.mouseOver(on);
  act(() => vi.advanceTimersByTime(300));
}

it('tells what the mouse rests on, to those who do not see it, too', () => {
  const { price, inside } = given();
  rest(inside);
  expect(screen.getByRole('tooltip').textContent).toBe('$1,204.500000001');
  expect(price.getAttribute('aria-describedby')).toBe(screen.getByRole('tooltip').id);
});

it.each([
  ['the mouse goes on', () => fireEvent.mouseOver(screen.getByText('plain'))],
  ['Escape is pressed', () => fireEvent.keyDown(document.body, { key: 'Escape' })],
  ['something scrolls', () => fireEvent.scroll(document.body)],
])('goes when %s', (_, happens) => {
  const { price, inside } = given();
  rest(inside);
  expect(screen.queryByRole('tooltip')).not.toBeNull();
  happens();
  expect(screen.queryByRole('tooltip')).toBeNull();
  expect(price.hasAttribute('aria-describedby')).toBe(false);
});

it('stays away while the mouse only passes', () => {
  const { inside } = given();
  fireEvent.mouseOver(inside);
  fireEvent.mouseOver(screen.getByText('plain'));
  act(() => vi.advanceTimersByTime(1_000));
  expect(screen.queryByRole('tooltip')).toBeNull();
});

const HINT = { width: 100, height: 30 };
const PAGE = { width: 400, height: 300 };

it.each([
  ['above the middle', { left: 150, top: 100, width: 60, height: 20 }, { left: 130, top: 65 }],
  ['below at the upper edge', { left: 150, top: 10, width: 60, height: 20 }, { left: 130, top: 35 }],
  ['within the left edge', { left: 0, top: 100, width: 20, height: 20 }, { left: 8, top: 65 }],
  ['within the right edge', { left: 380, top: 100, width: 20, height: 20 }, { left: 292, top: 65 }],
])('stands %s', (_, target, place) => {
  expect(placeOf(target, HINT, PAGE)).toEqual(place);
});
