/** How the dashboard looks: one green for what can be done, amber for what needs a look, greys for the rest. */

import { createTheme, type MantineColorsTuple } from '@mantine/core';

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

export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 6 },
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
      defaultProps: {
        centered: true,
        overlayProps: { backgroundOpacity: 0.45 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
    Drawer: {
      defaultProps: {
        overlayProps: { backgroundOpacity: 0.45 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
  },
});
