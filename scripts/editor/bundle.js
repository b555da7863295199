// What the workshop's editor uses of CodeMirror 6, and nothing else; see public/workshop/editor.js.
export { Compartment, EditorState } from '@codemirror/state';
export {
  Decoration,
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
export { defaultKeymap, history, historyKeymap, indentWithTab, redo, redoDepth, undo, undoDepth } from '@codemirror/commands';
export { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
export { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from '@codemirror/search';
export { tagHighlighter, tags } from '@lezer/highlight';


/** The files of languages, and by which names people and models call what is in them. */
const files = [
  [() => import('./web.js'), ['javascript js mjs cjs node', 'jsx', 'typescript ts mts cts', 'tsx', 'json jsonc json5 geojson', 'html htm vue svelte', 'css scss less', 'markdown md']],
  [() => import('./more.js'), ['python py', 'rust rs', 'sql postgresql postgres mysql sqlite', 'java', 'c cpp c++ cc cxx h hpp', 'go golang', 'php', 'xml svg rss xsl', 'yaml yml']],
  [() => import('./stream.js'), ['shell sh bash zsh', 'latex tex', 'formula', 'csharp c# cs', 'kotlin kt', 'dockerfile docker', 'lua', 'r', 'ruby rb', 'swift', 'toml']],
];

/** What the editor needs to understand a language; nothing for one that is not here. */
export async function understand(name) {
  const wanted = String(name ?? '').trim().toLowerCase();
  for (const [load, languages] of files) {
    const found = languages.map((names) => names.split(' ')).find((names) => names.includes(wanted));
    if (found) return (await load()).default[found[0]]();
  }
  return [];
}
