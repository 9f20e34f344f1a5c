import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../stillcold_server/console/static",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the content security policy knows no data: addresses
    rolldownOptions: {
      input: "src/main.ts",
      checks: { eval: false }, // in htmx, switched off by its configuration and forbidden by our policy
    },
    chunkSizeWarningLimit: 700, // the charts, loaded only where there are some
  },
  worker: { format: "es" },
});
