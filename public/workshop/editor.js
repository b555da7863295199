// @ts-check
// A thin layer over CodeMirror: our words, our colours, our keys.
import { Compartment, Decoration, EditorState, EditorView, bracketMatching, codeFolding, defaultKeymap, drawSelection, foldGutter, foldKeymap, highlightActiveLine, highlightActiveLineGutter, highlightSelectionMatches, highlightSpecialChars, history, historyKeymap, indentOnInput, indentUnit, indentWithTab, keymap, lineNumbers, openSearchPanel, redo, redoDepth, search, searchKeymap, syntaxHighlighting, tagHighlighter, tags, understand, undo, undoDepth } from './codemirror.js';

/** The classes that the server writes (style/code.css), so that editor and view have the same colours. */
const colours = tagHighlighter([
  { tag: [tags.comment, tags.meta], class: 'hl-comment' },
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword], class: 'hl-keyword' },
  { tag: [tags.string, tags.regexp, tags.special(tags.string)], class: 'hl-string' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.escape, tags.constant(tags.name)], class: 'hl-number' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.definition(tags.propertyName)], class: 'hl-function' },
  { tag: tags.heading, class: 'hl-heading' },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.attributeName], class: 'hl-type' },
  { tag: [tags.tagName, tags.angleBracket, tags.processingInstruction], class: 'hl-tag' },
  { tag: [tags.link, tags.url], class: 'hl-link' },
  { tag: tags.strong, class: 'hl-strong' },
  { tag: tags.emphasis, class: 'hl-emphasis' },
]);

/** Its own sheet is not in a layer, so what it sets is set anew here and not in workshop.css. */
const look = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--paper)', fontSize: 'var(--text-13)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-code)', lineHeight: '1.25rem', scrollbarWidth: 'thin' },
  '.cm-content': { caretColor: 'var(--accent)', padding: 'var(--space-2) 0' },
  '.cm-line': { padding: '0 var(--space-3) 0 var(--space-1)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection': {
    backgroundColor: 'color-mix(in oklch, var(--accent) 24%, transparent)',
  },
  '.cm-gutters': { backgroundColor: 'var(--paper)', color: 'var(--ink-faint)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 var(--space-1) 0 var(--space-3)', minWidth: '2.5rem', fontVariantNumeric: 'tabular-nums' },
  '.cm-foldGutter .cm-gutterElement': { width: '14px', textAlign: 'center', cursor: 'pointer' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in oklch, var(--paper-soft) 60%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--paper-soft)', border: '1px solid var(--line)', color: 'var(--ink-soft)', padding: '0 4px' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--danger-soft)' },
  '.cm-searchMatch': { backgroundColor: 'var(--mark)', outline: '1px solid var(--mark-line)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--mark-quote)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--mark)' },
  '.cm-panels': { backgroundColor: 'var(--paper-side)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: 'var(--space-2) var(--space-6) var(--space-2) var(--space-3)', fontFamily: 'var(--font-interface)' },
  '.cm-panel.cm-search label': { fontSize: 'var(--text-13)', display: 'inline-flex', alignItems: 'center', gap: '4px' },
  '.cm-panel.cm-search [name=close]': { width: '32px', height: '32px', fontSize: 'var(--text-20)', cursor: 'pointer' },
  '.cm-textfield': {
    minHeight: '30px', border: '1px solid var(--line-strong)', borderRadius: 'var(--radius)', backgroundColor: 'var(--paper-raised)', fontSize: 'var(--text-13)', padding: '0 var(--space-2)',
  },
  '.cm-button': {
    minHeight: '30px', backgroundImage: 'none', backgroundColor: 'transparent', border: '1px solid var(--line)', borderRadius: 'var(--radius)', color: 'var(--ink)', fontSize: 'var(--text-13)', cursor: 'pointer',
  },
  '.cm-button:hover': { borderColor: 'var(--line-strong)' },
  '.cm-badLine': { backgroundColor: 'var(--danger-soft)' },
});

/** What CodeMirror says, and the key under which the page says it. */
const PHRASES = {
  Find: 'find', Replace: 'replace', next: 'find_next', previous: 'find_previous', all: 'find_all', 'match case': 'match_case', 'by word': 'by_word', regexp: 'regexp',
  replace: 'replace', 'replace all': 'replace_all', close: 'close', 'Fold line': 'fold', 'Unfold line': 'unfold', 'Folded lines': 'folded', 'Unfolded lines': 'unfolded',
  unfold: 'unfold', 'folded code': 'folded',
};

/**
 * @typedef {object} Wanted
 * @property {string} text
 * @property {string} language
 * @property {string} label
 * @property {boolean} prose Long lines are broken.
 * @property {(key: string, values?: Record<string, string | number>) => string} words
 * @property {() => void} changed
 * @property {() => void} tabLeaves
 */

/** @param {HTMLElement} parent @param {Wanted} wanted */
export async function openEditor(parent, wanted) {
  const spoken = new Compartment();
  const badLines = new Compartment();
  const phrases = Object.fromEntries(Object.entries(PHRASES).map(([said, key]) => [said, wanted.words(key)]));
  let escaped = 0;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: wanted.text,
      extensions: [
        EditorState.phrases.of(phrases),
        EditorState.tabSize.of(4),
        indentUnit.of(indentOf(wanted.text)),
        EditorView.contentAttributes.of({ 'aria-label': wanted.label, spellcheck: wanted.prose ? 'true' : 'false', tabindex: '0' }),
        lineNumbers(),
        codeFolding(),
        foldGutter(),
        highlightActiveLineGutter(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        search({ top: true }),
        syntaxHighlighting(colours),
        // Ctrl F is the editor's as long as one is in it.
        keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
        wanted.prose ? EditorView.lineWrapping : [],
        spoken.of([]),
        badLines.of([]),
        look,
        EditorView.updateListener.of((/** @type {any} */ update) => {
          if (update.docChanged) wanted.changed();
        }),
      ],
    }),
  });
  // CodeMirror lets Tab leave after Esc. Esc pressed twice is for what is around.
  view.dom.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Escape') return;
    const now = Date.now();
    if (now - escaped > 2_000) {
      event.stopPropagation();
      wanted.tabLeaves();
    }
    escaped = now;
  });

  const setLanguage = async (/** @type {string} */ name) => {
    const extension = await understand(name).catch(() => []);
    view.dispatch({ effects: spoken.reconfigure(extension) });
  };
  void setLanguage(wanted.language);

  return {
    text: () => /** @type {string} */ (view.state.doc.toString()),
    setLanguage,
    selection: () => {
      const { from, to } = view.state.selection.main;
      return /** @type {string} */ (view.state.sliceDoc(from, to));
    },
    can: () => ({ undo: undoDepth(view.state) > 0, redo: redoDepth(view.state) > 0 }),
    undo: () => void undo(view),
    redo: () => void redo(view),
    find: () => void openSearchPanel(view),
    focus: () => view.focus(),
    /** @param {number} line @param {number | null} [column] */
    jump: (line, column) => {
      const at = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      const head = Math.min(at.from + Math.max(0, (column ?? 1) - 1), at.to);
      view.dispatch({ selection: { anchor: head }, effects: EditorView.scrollIntoView(head, { y: 'center' }) });
      view.focus();
    },
    /** Lines with something wrong. @param {import('./common.js').Problem[]} problems */
    mark: (problems) => {
      const lines = [...new Set(problems.map(({ line }) => line ?? 0))].filter((line) => line > 0).sort((a, b) => a - b);
      const style = Decoration.line({ class: 'cm-badLine' });
      // Worked out anew at every change: a line may be gone before its problem is.
      const marked = (/** @type {any} */ { state: { doc } }) => {
        return Decoration.set(lines.filter((line) => line <= doc.lines).map((line) => style.range(doc.line(line).from)));
      };
      view.dispatch({ effects: badLines.reconfigure(lines.length ? EditorView.decorations.of(marked) : []) });
    },
    close: () => view.destroy(),
  };
}

/** What one step of indentation is in a text: a tab, two or four spaces. @param {string} text */
function indentOf(text) {
  const steps = text.slice(0, 20_000).match(/^(\t| +)(?=\S)/gm) ?? [];
  if (steps.some((step) => step === '\t')) return '\t';
  const least = steps.map((step) => step.length).filter((length) => length > 1);
  return ' '.repeat(least.length ? Math.min(4, Math.max(2, Math.min(...least))) : 4);
}
