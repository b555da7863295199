//! What the browser loads: script, WebAssembly, style, icons; built by `scripts/build-site`, kept in memory with their
//! compressed twins.
//!
//! With the cargo feature `embed` they are part of the binary; otherwise they are read at start from `SITE_DIR`, or from
//! `../site` beside the binary, where the build puts it.

use std::{collections::HashMap, path::Path, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, Response, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    middleware::Next,
};
use cjhirashi_web::Assets;
use sha2::{Digest as _, Sha256};

#[cfg(feature = "embed")]
include!(concat!(env!("OUT_DIR"), "/site.rs"));

/// An address with its hash in it may be kept for ever.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Any other is asked for again; unchanged, the answer is a 304.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// All files, by their path from the site's root, `/pkg/cjhirashi.js` for example.
pub(crate) struct Site(HashMap<String, File>);

struct File {
    /// 16 hexadecimal digits of the content's SHA-256.
    hash: String,
    content_type: HeaderValue,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
}

impl Site {
    /// Reads all files. None at all is no failure: the pages work without script and style, and the log says what to do.
    pub(crate) fn load(folder: &Path) -> Self {
        let files = source(folder);
        if files.is_empty() {
            tracing::warn!("No files for the browser were found; `scripts/build-site` makes them");
        }
        Self::new(files)
    }

    fn new(mut files: HashMap<String, Bytes>) -> Self {
        let names: Vec<String> =
            files.keys().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")).cloned().collect();
        let mut site = HashMap::new();
        for name in names {
            let Some(plain) = files.remove(&name) else { continue };
            let file = File {
                hash: hex::encode(&Sha256::digest(&plain)[..8]),
                content_type: content_type(&name),
                brotli: files.remove(&format!("{name}.br")),
                gzip: files.remove(&format!("{name}.gz")),
                plain,
            };
            site.insert(format!("/{name}"), file);
        }
        Self(site)
    }

    /// Addresses of what a page loads, each with its hash.
    pub(crate) fn assets(&self) -> Assets {
        let plain = Assets::default();
        let hashed = |path: String| match self.0.get(&path) {
            Some(file) => format!("{path}?v={}", file.hash),
            None => path,
        };
        Assets { script: hashed(plain.script), program: hashed(plain.program), style: hashed(plain.style) }
    }

    fn serve(&self, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Response<Body>> {
        let file = self.0.get(path)?;
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let mut response = Response::new(Body::empty());
        let wanted = text(ACCEPT_ENCODING);
        let (body, encoding) = match (&file.brotli, &file.gzip) {
            (Some(brotli), _) if accepts(wanted, "br") => (brotli, Some("br")),
            (_, Some(gzip)) if accepts(wanted, "gzip") => (gzip, Some("gzip")),
            _ => (&file.plain, None),
        };
        let etag = format!("\"{}{}\"", file.hash, encoding.unwrap_or_default());
        let kept = query.and_then(|query| query.strip_prefix("v=")) == Some(file.hash.as_str());
        let out = response.headers_mut();
        out.insert(CACHE_CONTROL, if kept { FOR_EVER } else { ASK_AGAIN });
        out.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if is_known(text(IF_NONE_MATCH), &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            out.insert(CONTENT_TYPE, file.content_type.clone());
            if let Some(encoding) = encoding {
                out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            *response.body_mut() = Body::from(body.clone());
        }
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            response.headers_mut().insert(ETAG, etag);
        }
        Some(response)
    }
}

/// Answers for files of the site; everything else goes on to the routes.
pub(crate) async fn serve_files(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && let Some(response) = site.serve(request.uri().path(), request.uri().query(), request.headers()) {
        return response;
    }
    next.run(request).await
}

/// Whether an `If-None-Match` names what the answer would be; a proxy may have weakened the tag.
pub(crate) fn is_known(header: &str, etag: &str) -> bool {
    header.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
}

/// Whether an `Accept-Encoding` allows a coding; one with `q=0` is refused.
pub(crate) fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|part| {
        let mut parts = part.split(';').map(str::trim);
        parts.next() == Some(coding)
            && !parts.any(|q| q.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0)))
    })
}

fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

#[cfg(feature = "embed")]
fn source(_: &Path) -> HashMap<String, Bytes> {
    SITE.iter().map(|&(name, bytes)| (name.to_owned(), Bytes::from_static(bytes))).collect()
}

#[cfg(not(feature = "embed"))]
fn source(folder: &Path) -> HashMap<String, Bytes> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.parent()?.join("site")));
    let mut files = HashMap::new();
    if let Some(root) = [Some(folder.to_owned()), beside].into_iter().flatten().find(|root| root.join("pkg").is_dir()) {
        read_folder(&root, &root, &mut files);
    }
    files
}

#[cfg(not(feature = "embed"))]
fn read_folder(root: &Path, folder: &Path, files: &mut HashMap<String, Bytes>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            read_folder(root, &path, files);
        } else if let (Ok(name), Ok(bytes)) = (path.strip_prefix(root), std::fs::read(&path)) {
            files.insert(name.to_string_lossy().replace('\\', "/"), bytes.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let files = [("pkg/cjhirashi.js", "plain"), ("pkg/cjhirashi.js.br", "brotli"), ("pkg/cjhirashi.js.gz", "gzip")];
        Site::new(files.iter().map(|&(name, bytes)| (name.to_owned(), Bytes::from_static(bytes.as_bytes()))).collect())
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn the_smallest_encoding_that_the_browser_takes_is_sent() {
        let site = site();
        for (wanted, sent) in [("gzip, br", Some("br")), ("br;q=0, gzip", Some("gzip")), ("deflate", None), ("", None)]
        {
            let response = site.serve("/pkg/cjhirashi.js", None, &headers("accept-encoding", wanted)).unwrap();
            let encoding = response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(encoding, sent, "{wanted}");
        }
    }

    #[test]
    fn an_address_with_the_right_hash_is_kept_for_ever_and_no_other() {
        let site = site();
        let script = site.assets().script;
        let query = script.split_once('?').unwrap().1;
        let cache = |query| {
            let response = site.serve("/pkg/cjhirashi.js", query, &HeaderMap::new()).unwrap();
            response.headers()[CACHE_CONTROL].clone()
        };
        assert_eq!(cache(Some(query)), FOR_EVER);
        assert_eq!(cache(Some("v=0000000000000000")), ASK_AGAIN);
        assert_eq!(cache(None), ASK_AGAIN);
    }

    #[test]
    fn a_browser_that_has_the_file_gets_no_second_copy() {
        let site = site();
        let first = site.serve("/pkg/cjhirashi.js", None, &HeaderMap::new()).unwrap();
        let etag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let again = site.serve("/pkg/cjhirashi.js", None, &headers("if-none-match", &etag)).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(site.serve("/pkg/cjhirashi.js.br", None, &HeaderMap::new()).is_none());
        assert!(site.serve("/../Cargo.toml", None, &HeaderMap::new()).is_none());
    }
}
