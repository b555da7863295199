//! Programming languages: what they are called, and what the names of their files end with.

/// A language's name as a fence has it, the extension of its files, and other names and extensions.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) extension: &'static str,
    also: &'static [&'static str],
}

const fn known(name: &'static str, extension: &'static str, also: &'static [&'static str]) -> Known {
    Known { name, extension, also }
}

/// Those that we know; others are shown and exported as text.
const LANGUAGES: &[Known] = &[
    known("ada", "adb", &["ads"]),
    known("asm", "asm", &["assembly", "nasm", "s"]),
    known("bash", "sh", &["shell", "zsh", "console", "terminal", "shell-session", "ksh"]),
    known("bat", "bat", &["batch", "cmd"]),
    known("c", "c", &["h"]),
    known("clojure", "clj", &["cljs", "cljc", "edn"]),
    known("cmake", "cmake", &[]),
    known("cpp", "cpp", &["c++", "cc", "cxx", "hpp", "hh", "hxx"]),
    known("csharp", "cs", &["c#"]),
    known("css", "css", &[]),
    known("dart", "dart", &[]),
    known("diff", "diff", &["patch"]),
    known("dockerfile", "dockerfile", &["docker", "containerfile"]),
    known("elixir", "ex", &["exs"]),
    known("elm", "elm", &[]),
    known("erlang", "erl", &["hrl"]),
    known("fortran", "f90", &["f", "f95", "for"]),
    known("fsharp", "fs", &["f#", "fsx"]),
    known("go", "go", &["golang"]),
    known("graphql", "graphql", &["gql"]),
    known("groovy", "groovy", &["gradle"]),
    known("haskell", "hs", &[]),
    known("hcl", "tf", &["terraform"]),
    known("ini", "ini", &["cfg", "conf", "properties"]),
    known("java", "java", &[]),
    known("javascript", "js", &["mjs", "cjs", "node"]),
    known("jsx", "jsx", &[]),
    known("julia", "jl", &[]),
    known("kotlin", "kt", &["kts"]),
    known("less", "less", &[]),
    known("lisp", "lisp", &["common-lisp", "cl", "el"]),
    known("lua", "lua", &[]),
    known("makefile", "mk", &["make", "gnumakefile"]),
    known("matlab", "m", &["octave"]),
    known("nim", "nim", &[]),
    known("nix", "nix", &[]),
    known("ocaml", "ml", &["mli"]),
    known("pascal", "pas", &["delphi"]),
    known("perl", "pl", &["pm"]),
    known("php", "php", &[]),
    known("powershell", "ps1", &["pwsh", "psm1", "psd1"]),
    known("protobuf", "proto", &[]),
    known("python", "py", &["py3", "python3", "pyi", "pyw"]),
    known("r", "r", &["rscript"]),
    known("ruby", "rb", &["rake", "gemspec"]),
    known("rust", "rs", &[]),
    known("sass", "sass", &[]),
    known("scala", "scala", &["sc"]),
    known("scheme", "scm", &["racket", "rkt"]),
    known("scss", "scss", &[]),
    known("solidity", "sol", &[]),
    known("sql", "sql", &["postgresql", "postgres", "mysql", "sqlite", "plsql", "tsql"]),
    known("svelte", "svelte", &[]),
    known("swift", "swift", &[]),
    known("toml", "toml", &[]),
    known("tsx", "tsx", &[]),
    known("typescript", "ts", &["mts", "cts"]),
    known("vb", "vb", &["vbnet", "visual-basic", "vbs"]),
    known("verilog", "v", &["sv", "systemverilog"]),
    known("vhdl", "vhd", &["vhdl"]),
    known("vue", "vue", &[]),
    known("xml", "xml", &["xsl", "xsd", "svg", "plist", "rss"]),
    known("yaml", "yaml", &["yml"]),
    known("zig", "zig", &[]),
    // Kinds of their own, which may be wanted as code all the same.
    known("csv", "csv", &["tsv"]),
    known("html", "html", &["htm", "xhtml"]),
    known("json", "json", &["jsonc", "json5", "jsonl"]),
    known("latex", "tex", &["tex"]),
    known("markdown", "md", &["mdx"]),
    known("mermaid", "mmd", &[]),
];

/// Names of whole files.
const FILES: &[(&str, &str)] = &[
    ("dockerfile", "dockerfile"),
    ("containerfile", "dockerfile"),
    ("makefile", "makefile"),
    ("gnumakefile", "makefile"),
    ("cmakelists.txt", "cmake"),
    ("gemfile", "ruby"),
    ("rakefile", "ruby"),
    (".bashrc", "bash"),
    (".gitconfig", "ini"),
];

/// The language of a name, an alias or an extension.
pub(crate) fn language(word: &str) -> Option<&'static Known> {
    let same = |name: &str| name.eq_ignore_ascii_case(word);
    // A name before an alias, an alias before nothing.
    LANGUAGES
        .iter()
        .find(|known| same(known.name))
        .or_else(|| LANGUAGES.iter().find(|known| same(known.extension) || known.also.iter().any(|name| same(name))))
}

/// The language of a file's name.
pub(crate) fn of_file(name: &str) -> Option<&'static Known> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if let Some((_, found)) = FILES.iter().find(|(file, _)| file.eq_ignore_ascii_case(name)) {
        return language(found);
    }
    let (_, extension) = name.rsplit_once('.')?;
    LANGUAGES.iter().find(|known| known.extension.eq_ignore_ascii_case(extension)).or_else(|| language(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_language_and_every_extension_back() {
        for known in LANGUAGES {
            assert_eq!(language(known.name).map(|found| found.name), Some(known.name));
            assert_eq!(of_file(&format!("a.{}", known.extension)).map(|found| found.name), Some(known.name));
            assert!(known.extension.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", known.extension);
        }
        assert!(LANGUAGES.len() >= 40);
    }

    #[test]
    fn names_of_whole_files_tell_their_language() {
        assert_eq!(of_file("src/Makefile").map(|found| found.name), Some("makefile"));
        assert_eq!(of_file("Dockerfile").map(|found| found.name), Some("dockerfile"));
        assert_eq!(of_file("a.h").map(|found| found.name), Some("c"));
        assert!(of_file("README").is_none());
    }
}
