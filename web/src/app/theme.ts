/** How the dashboard looks: one green for what can be done, amber for what needs a look, greys for the rest. */

import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const pine: MantineColorsTuple = [
  '#e8f7f4',
  '#d3ece7',
  '#a7d8cf',
  '#78c3b6',
  '#51b2a2',
  '#36a794',
  '#1f8f80',
  '#0d766a',
  '#0a6258',
  '#044e46',
];

/** Cool greys, the same hue as the light ones. */
const dark: MantineColorsTuple = [
  '#d5d9de',
  '#b3bac2',
  '#98a1ab',
  '#646e79',
  '#3d4650',
  '#2f3740',
  '#242b33',
  '#181d23',
  '#12161b',
  '#0c0f13',
];

const CLOSE = { 'aria-label': 'Close' };
const TITLE = { title: { fontWeight: 600, overflowWrap: 'anywhere' } } as const;

export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 7 },
  colors: { pine, dark },
  autoContrast: true,
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace",
  headings: { fontFamily: "'Inter Variable', system-ui, sans-serif", fontWeight: '600' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 250, events: { hover: true, focus: true, touch: true } } },
    Modal: {
      defaultProps: { closeButtonProps: CLOSE, centered: true, overlayProps: { backgroundOpacity: 0.45 } },
      styles: TITLE,
    },
    Drawer: {
      defaultProps: { closeButtonProps: CLOSE, overlayProps: { backgroundOpacity: 0.45 } },
      styles: TITLE,
    },
    // What it would put into the menu to be focused at first is no item of a menu.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Notification: {
      defaultProps: {
        closeButtonProps: { 'aria-label': 'Close this message' },
        styles: { description: { color: 'var(--mantine-color-dimmed)' } },
      },
    },
  },
});

/** A colour as a quiet ground on dark pages; Mantine's own are so full that a warning shouts. */
function quiet(colour: string): Record<string, string> {
  const name = `--mantine-color-${colour}`;
  return {
    [`${name}-light`]: `color-mix(in srgb, var(${name}-7) 22%, var(--mantine-color-dark-7))`,
    [`${name}-light-hover`]: `color-mix(in srgb, var(${name}-7) 32%, var(--mantine-color-dark-7))`,
    [`${name}-light-color`]: `var(${name}-2)`,
  };
}

/** White is read on it; Mantine sets it for each scheme, so that it must be set again for each. */
const RED = {
  '--mantine-color-red-filled': 'var(--mantine-color-red-9)',
  '--mantine-color-red-filled-hover': 'color-mix(in srgb, var(--mantine-color-red-9) 85%, black)',
};

/** What Mantine's own colours lack in contrast: small grey text, and errors below fields. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    ...RED,
    '--mantine-color-dimmed': '#5c6670',
    '--mantine-color-placeholder': '#6b7580',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
  },
  dark: {
    ...RED,
    '--mantine-color-placeholder': '#8b95a0',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
    '--mantine-color-gray-light': 'var(--mantine-color-dark-6)',
    '--mantine-color-gray-light-hover': 'var(--mantine-color-dark-5)',
    '--mantine-color-gray-light-color': 'var(--mantine-color-dark-0)',
    ...quiet('red'),
    ...quiet('yellow'),
    ...quiet('orange'),
    ...quiet('green'),
    ...quiet('blue'),
    ...quiet('pine'),
  },
});
