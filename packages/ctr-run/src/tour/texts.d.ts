/** What esbuild's loader `text` makes of a page. */
declare module '*.md' {
  const text: string;
  export default text;
}
