import { StreamLanguage } from '@codemirror/language';
import { csharp, kotlin } from '@codemirror/legacy-modes/mode/clike';
import { dockerFile } from '@codemirror/legacy-modes/mode/dockerfile';
import { lua } from '@codemirror/legacy-modes/mode/lua';
import { r } from '@codemirror/legacy-modes/mode/r';
import { ruby } from '@codemirror/legacy-modes/mode/ruby';
import { shell } from '@codemirror/legacy-modes/mode/shell';
import { stex, stexMath } from '@codemirror/legacy-modes/mode/stex';
import { swift } from '@codemirror/legacy-modes/mode/swift';
import { toml } from '@codemirror/legacy-modes/mode/toml';

const stream = (mode) => () => StreamLanguage.define(mode);

export default {
  shell: stream(shell),
  latex: stream(stex),
  formula: stream(stexMath),
  csharp: stream(csharp),
  kotlin: stream(kotlin),
  dockerfile: stream(dockerFile),
  lua: stream(lua),
  r: stream(r),
  ruby: stream(ruby),
  swift: stream(swift),
  toml: stream(toml),
};
