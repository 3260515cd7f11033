// Before anything is drawn, so that a dark page does not flash white. Same key and attribute as Mantine's.
(() => {
  let chosen = 'auto';
  try {
    chosen = window.localStorage.getItem('tollhouse-colour-scheme') || 'auto';
  } catch {
    // Storage is switched off: follow the system.
  }
  const dark =
    chosen === 'dark' || (chosen !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
