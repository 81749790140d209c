import { defineConfig } from 'vitepress'

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0072b2"/><path d="M5 10l5 13 6-13 6 13 5-13" fill="none" stroke="#fff" stroke-width="3.5" stroke-linejoin="round" stroke-linecap="round"/></svg>`

/** `build.js` makes the pages. */
export default defineConfig({
  srcDir: 'pages',
  title: 'walv',
  description: 'A crash-safe write-ahead log for vector indexes in Node.js.',
  base: process.env.SITE_BASE ?? '/',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  lastUpdated: false,
  // The largest piece is the index of the search, loaded when somebody searches.
  vite: { build: { chunkSizeWarningLimit: 1_000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Overview', link: '/readme' },
      { text: 'Quick start', link: '/docs/guides/quick-start' },
      { text: 'Guides', link: '/docs/guides/' },
      { text: 'Reference', link: '/reference/' },
    ],
    sidebar: [
      {
        text: 'Guides',
        items: [
          { text: 'Overview', link: '/readme' },
          { text: 'Quick start', link: '/docs/guides/quick-start' },
          { text: 'Choosing a durability level', link: '/docs/guides/durability-levels' },
          { text: 'Checkpoints and retention', link: '/docs/guides/checkpoints' },
          { text: 'Transactions', link: '/docs/guides/transactions' },
          { text: 'Following a writer', link: '/docs/guides/following' },
          { text: 'Filters', link: '/docs/filters' },
          { text: 'Another embedding model', link: '/docs/guides/another-model' },
          { text: 'Engines', link: '/docs/adapters' },
          { text: 'LangChain.js', link: '/docs/langchain' },
          { text: 'Runtimes', link: '/docs/runtimes' },
          { text: 'Bundlers and frameworks', link: '/docs/bundlers' },
          { text: 'Moving here from other stores', link: '/docs/migrating' },
          { text: 'Telemetry and health', link: '/docs/telemetry' },
          { text: 'Operations and alerts', link: '/docs/operations' },
          { text: 'Disaster stories', link: '/docs/guides/disasters' },
          { text: 'Compared with what people use', link: '/docs/guides/comparison' },
          { text: 'Coming from oxirs', link: '/docs/from-oxirs' },
        ],
      },
      {
        text: 'Facts',
        items: [
          { text: 'Durability', link: '/docs/durability' },
          { text: 'Performance', link: '/docs/performance' },
          { text: 'Limits', link: '/docs/limits' },
          { text: 'Errors', link: '/docs/errors' },
          { text: 'Format', link: '/docs/format' },
          { text: 'Architecture', link: '/docs/architecture' },
          { text: 'Testing', link: '/docs/testing' },
          { text: 'Track record', link: '/docs/track-record' },
          { text: 'Upgrading', link: '/docs/upgrading' },
          { text: 'Decisions', link: '/docs/decisions/' },
          { text: 'Changes', link: '/CHANGELOG' },
        ],
      },
      { text: 'Examples', link: '/examples/' },
      { text: 'Reference', link: '/reference/' },
    ],
  },
})
