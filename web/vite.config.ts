/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { packed } from './packed.ts';

/** Where `make run` serves the API while `npm run dev` serves the pages. */
const API = process.env.TOLLHOUSE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), packed()],
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: '../src/tollhouse/control/dashboard/site',
    emptyOutDir: true,
    target: 'es2022',
    // Browsers that know light-dark(): made into anything older it does not follow Mantine's colour scheme.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // No inlined data: what a page loads is a file with a name by its content.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // What nearly every page needs comes in one file: many small ones compress worse, by some 5 kB a page.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: 'parts', test: /node_modules/, minShareCount: 14 }] } },
    },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/v1': { target: API, changeOrigin: false } } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
});
