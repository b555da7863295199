//! Artifacts: their parts, files and frames, and what their editors save.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{FromRequestParts, Path, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS},
        request::Parts,
    },
    response::{Html, IntoResponse, Redirect, Response},
};
use cjhirashi_artifacts::{Content, MAX_BYTES, Part, Place, Problem, Way, kind};
use cjhirashi_chat::{ArtifactError, ArtifactService, Change, Draft, Opened, Saved};
use cjhirashi_domain::{ErrorCode, id::ArtifactId, settings::Language};
use cjhirashi_markdown::aside;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    body::{self, ApiId, ApiQuery},
    error::{ApiError, ApiResult, accepts_html, language_of},
    files::disposition,
    pages::PageState,
    sign_in::Person,
    transfer::file_of,
};
use crate::AppState;

/// A content in JSON, where every character may be six.
const SAVE_BYTES: usize = MAX_BYTES * 3;
/// The most bytes that are rendered while somebody writes.
const PREVIEW_BYTES: usize = 1 << 20;
/// Versions of a history that are listed; older ones are had by their number.
pub(crate) const MOST_LISTED: i64 = 500;
/// So many are rendered or given out at once; each may take a processor for a while.
static AT_ONCE: Semaphore = Semaphore::const_new(8);
/// So many are in memory at once, each with up to 16 MB; whoever has but a link keeps nobody who is signed in waiting.
static OPEN: Semaphore = Semaphore::const_new(16);
static OPEN_BY_LINK: Semaphore = Semaphore::const_new(4);

/// What a page in a frame may do: run what stands in it, and nothing else. It has an origin of its own (`sandbox` without
/// `allow-same-origin`), so it reaches neither our cookies and storage nor the page around it; it loads and sends nothing.
const FRAME_POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; \
     font-src data:; media-src data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'; frame-src 'none'; \
     object-src 'none'; worker-src 'none'; frame-ancestors 'self'",
);

/// The page that waits for what is being written, and becomes that.
const EMPTY_FRAME: &str = "<!DOCTYPE html><meta charset=\"utf-8\"><script>addEventListener('message',function(e){\
    if(e.source===parent&&e.data&&typeof e.data.html==='string'){document.open();document.write(e.data.html);document.close()}\
    },{once:true})</script>";

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        let code = error.code();
        if code.status() >= 500 {
            tracing::error!(%error, "an artifact could not be served");
        }
        let detail = match &error {
            ArtifactError::Invalid(problem) => Some(words(problem)),
            ArtifactError::Title => Some(error.to_string()),
            _ => None,
        };
        Self { detail, ..Self::new(code) }
    }
}

fn words(problem: &Problem) -> String {
    match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!("{line}:{column}: {}", problem.words),
        (Some(line), None) => format!("{line}: {}", problem.words),
        _ => problem.words.clone(),
    }
}

/// Whose artifact is asked for: one's own by its id, or one that a link leads to.
pub(crate) struct Asked {
    opened: Opened,
    base: String,
    language: Language,
    query: Vec<(String, String)>,
    _turn: SemaphorePermit<'static>,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let uri = parts.uri.clone();
        let pairs = uri.query().map(|query| form_pairs(query.as_bytes())).unwrap_or_default();
        let version = pairs.iter().find(|(name, _)| name == "version").and_then(|(_, value)| value.parse().ok());
        let mut segments = uri.path().split('/').skip(1);
        let (first, second, third) = (segments.next(), segments.next(), segments.next());
        if let (Some("share"), Some("artifact"), Some(token)) = (first, second, third) {
            let language = language_of(&parts.headers).unwrap_or_default();
            let turn = turn(&OPEN_BY_LINK).await?;
            let opened = state.artifacts.open_shared(token).await?;
            let base = format!("/share/artifact/{token}");
            return Ok(Self { opened, base, language, query: pairs, _turn: turn });
        }
        let person =
            Person::from_request_parts(parts, state).await.map_err(|_| ApiError::new(ErrorCode::Unauthorized))?;
        let id = second
            .and_then(|id| ArtifactId::parse(id).ok())
            .ok_or_else(|| ApiError::new(ErrorCode::ArtifactNotFound))?;
        let turn = turn(&OPEN).await?;
        let opened = state.artifacts.open(&person.viewer(), &id, version).await?;
        let language = person.0.settings.language;
        Ok(Self { opened, base: format!("/artifacts/{id}"), language, query: pairs, _turn: turn })
    }
}

/// Waits until one more may be opened.
async fn turn(of: &'static Semaphore) -> ApiResult<SemaphorePermit<'static>> {
    of.acquire().await.map_err(|_| ApiError::new(ErrorCode::TooMany))
}

pub(crate) fn form_pairs(query: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query).take(64).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn kept_short(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    response
}

/// `GET {base}/content`: the text as text, or the picture.
pub(crate) async fn content(asked: Asked) -> ApiResult<Response> {
    let opened = asked.opened;
    let picture = opened.file.as_ref().and_then(|_| {
        let media_type = opened.stored.metadata.get("media_type")?.as_str()?;
        ["image/png", "image/jpeg", "image/webp", "image/gif"].into_iter().find(|known| *known == media_type)
    });
    let (media_type, bytes) = match (picture, opened.file) {
        (Some(media_type), Some(bytes)) => (media_type, bytes),
        (None, Some(bytes)) => ("application/octet-stream", bytes),
        _ => ("text/plain; charset=utf-8", opened.text.into_bytes()),
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok(kept_short((headers, bytes).into_response()))
}

/// `GET {base}/part`: a piece of the view.
pub(crate) async fn part(asked: Asked) -> ApiResult<Response> {
    let _turn = AT_ONCE.acquire().await;
    let part = aside(move || {
        let Asked { opened, base, language, query, _turn } = asked;
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let place = Place { id: "part", language, base: &base, version: opened.stored.version };
        opened.kind.part(&opened.content(), place, &query)
    });
    match part.await {
        Some(Part::Html(html)) => Ok(kept_short(Html(html).into_response())),
        Some(Part::Json(json)) => Ok(kept_short(([(CONTENT_TYPE, "application/json")], json).into_response())),
        None => Err(ApiError::new(ErrorCode::ArtifactNotFound)),
    }
}

/// Takes away what no policy of today's browsers forbids: connections from browser to browser, and frames in the frame,
/// which would have them again.
const NO_WEBRTC: &str = "<script>for(const name of ['RTCPeerConnection','webkitRTCPeerConnection','RTCDataChannel'])\
    Object.defineProperty(self,name,{value:undefined});\
    new MutationObserver(()=>{for(const inner of document.querySelectorAll('iframe,frame,object,embed'))inner.remove()})\
    .observe(document,{childList:true,subtree:true})</script>";

fn framed(html: String) -> Response {
    // After the doctype, without which a page is shown as those of the last century.
    let head = html.trim_start();
    let doctype = head.get(..9).filter(|begins| begins.eq_ignore_ascii_case("<!doctype")).and_then(|_| head.find('>'));
    let (doctype, rest) = head.split_at(doctype.map_or(0, |end| end + 1));
    let mut response = Html(format!("{doctype}{NO_WEBRTC}{rest}")).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, FRAME_POLICY);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(HeaderName::from_static("x-dns-prefetch-control"), HeaderValue::from_static("off"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    kept_short(response)
}

/// `GET {base}/frame`: a page that somebody wrote, in its sandbox.
pub(crate) async fn frame(asked: Asked, headers: HeaderMap) -> ApiResult<Response> {
    // In a tab of its own it would speak under our name, and nothing around it would keep it from leading elsewhere.
    if headers.get("sec-fetch-dest").is_some_and(|dest| dest != "iframe") {
        return Ok(Redirect::to(&asked.base).into_response());
    }
    let html = asked.opened.kind.frame(&asked.opened.content());
    html.map(framed).ok_or_else(|| ApiError::new(ErrorCode::ArtifactNotFound))
}

/// `GET /artifacts/frame`: the sandbox of a page that is being written.
pub(crate) async fn empty_frame() -> Response {
    framed(EMPTY_FRAME.to_owned())
}

/// `GET {base}/export/{format}`: a file to be saved.
pub(crate) async fn export(asked: Asked, Path(path): Path<Vec<(String, String)>>) -> ApiResult<Response> {
    let format = path.into_iter().find(|(name, _)| name == "format").map(|(_, value)| value).unwrap_or_default();
    exported(asked.opened, format, asked.query, asked.language).await
}

/// The same, for programs too.
pub(crate) async fn exported(
    opened: Opened,
    format: String,
    query: Vec<(String, String)>,
    language: Language,
) -> ApiResult<Response> {
    let _turn = AT_ONCE.acquire().await;
    let name = cjhirashi_transfer::file_name(&opened.stored.title);
    let shown = opened.kind.formats(&opened.text).iter().any(|known| known.id == format && known.way == Way::Page);
    let file = ArtifactService::export(opened, format, query, language).await?;
    let media_type = HeaderValue::from_str(&file.media_type);
    let name = format!("{name}.{}", file.extension);
    let mut response = file.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if shown {
        // In a sandbox where nothing runs.
        let policy =
            "sandbox allow-modals; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'";
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    } else {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        if let Ok(disposition) = HeaderValue::from_str(&disposition(&name)) {
            headers.insert(CONTENT_DISPOSITION, disposition);
        }
    }
    Ok(kept_short(response))
}

/// `GET {base}/panel`: the workshop alone, for the panel beside a chat.
pub(crate) async fn panel(asked: Asked) -> ApiResult<Response> {
    let _turn = AT_ONCE.acquire().await;
    let html = aside(move || cjhirashi_web::workshop(asked.language, &asked.opened, &asked.base, true));
    Ok(kept_short(Html(html.await).into_response()))
}

/// How much of a history is wanted.
#[derive(Deserialize)]
pub(crate) struct Most {
    most: Option<i64>,
}

/// `GET /artifacts/{id}/history`: its versions, or the newest of them.
pub(crate) async fn history(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ArtifactId>,
    ApiQuery(Most { most }): ApiQuery<Most>,
) -> ApiResult<Response> {
    let most = most.unwrap_or(MOST_LISTED).clamp(1, MOST_LISTED);
    let versions = state.store.list_artifact_versions(&person.viewer(), &id, most).await?;
    if versions.is_empty() {
        return Err(ApiError::new(ErrorCode::ArtifactNotFound));
    }
    let html = cjhirashi_web::artifact_history(person.0.settings.language, &id, &versions, state.store.now());
    Ok(kept_short(Html(html).into_response()))
}

/// Two versions.
#[derive(Deserialize)]
pub(crate) struct Two {
    /// The newest when absent.
    from: Option<i32>,
    to: Option<i32>,
}

/// `GET /artifacts/{id}/compare?from=&to=`: what differs, by word.
pub(crate) async fn compare(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ArtifactId>,
    ApiQuery(two): ApiQuery<Two>,
) -> ApiResult<Response> {
    let _turn = AT_ONCE.acquire().await;
    let viewer = person.viewer();
    let old = state.artifacts.open(&viewer, &id, two.from).await?;
    let new = state.artifacts.open(&viewer, &id, two.to).await?;
    let language = person.0.settings.language;
    let html = aside(move || cjhirashi_artifacts::difference(&old.text, &new.text, language));
    Ok(kept_short(Html(html.await).into_response()))
}

/// What is being written.
#[derive(Deserialize)]
pub(crate) struct Written {
    kind: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    metadata: Value,
}

/// How it looks, and what is wrong in it.
#[derive(Serialize)]
pub(crate) struct Preview {
    html: String,
    problems: Vec<Problem>,
}

/// `POST /artifacts/preview`: how something would look that is not saved yet.
pub(crate) async fn preview(person: Person, headers: HeaderMap, request: Request) -> ApiResult<Json<Preview>> {
    let bytes = body::read(&headers, request.into_body(), PREVIEW_BYTES * 2).await?;
    let written: Written = body::parse_json(&bytes)?;
    let kind = kind(&written.kind).ok_or_else(|| ApiError::new(ErrorCode::ArtifactUnsupported))?;
    if written.content.len() > PREVIEW_BYTES {
        return Err(ApiError::new(ErrorCode::ArtifactTooLarge));
    }
    let _turn = AT_ONCE.acquire().await;
    let language = person.0.settings.language;
    let preview = aside(move || {
        let mut content = Content {
            text: &written.content,
            language: written.language.as_deref(),
            metadata: &written.metadata,
            file: None,
            title: "",
        };
        let (metadata, unfit) = match kind.metadata(&content, language) {
            Ok(metadata) => (metadata, None),
            Err(problem) => (Value::Null, Some(problem)),
        };
        content.metadata = &metadata;
        // Its pieces are nowhere yet: what is longer than the view shows is seen once it is saved.
        let place = Place { id: "preview", language, base: "/artifacts/preview", version: 0 };
        let problems = unfit.into_iter().chain(kind.problems(&content, language)).collect();
        Preview { problems, html: kind.view(&content, place) }
    });
    Ok(Json(preview.await))
}

/// A save, as an editor sends it.
#[derive(Deserialize)]
pub(crate) struct Save {
    pub(crate) base_version: i32,
    #[serde(default)]
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) edits: Option<Value>,
    #[serde(default)]
    pub(crate) edits_base: Option<i32>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) language: Option<String>,
    #[serde(default)]
    pub(crate) metadata: Option<Value>,
}

/// What it became.
#[derive(Serialize)]
struct Outcome {
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
}

async fn outcome(saved: Saved, language: Language) -> Response {
    match saved {
        Saved::Done(version) => Json(Outcome { version, html: None }).into_response(),
        Saved::Moved { version, theirs, mine } => {
            let html = aside(move || cjhirashi_artifacts::difference(&theirs, &mine, language)).await;
            (StatusCode::CONFLICT, Json(Outcome { version, html: Some(html) })).into_response()
        }
    }
}

/// `POST /artifacts/{id}`: a new version on top of the one that was seen.
pub(crate) async fn save(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ArtifactId>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let bytes = body::read(&headers, request.into_body(), SAVE_BYTES).await?;
    let save: Save = body::parse_json(&bytes)?;
    let language = person.0.settings.language;
    let change = Change {
        text: save.content,
        edits: save.edits,
        edits_base: save.edits_base,
        title: save.title,
        language: save.language,
        metadata: save.metadata,
        file: None,
    };
    let saved = state.artifacts.save(&person.viewer(), &id, save.base_version, change, language).await?;
    Ok(outcome(saved, language).await)
}

/// Which version was seen.
#[derive(Deserialize)]
pub(crate) struct Base {
    #[serde(default)]
    base_version: i32,
}

/// `POST /artifacts/{id}/file`: another picture in the place of the one before.
pub(crate) async fn replace_file(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ArtifactId>,
    ApiQuery(base): ApiQuery<Base>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let bytes: Bytes = body::read(&headers, request.into_body(), MAX_BYTES).await?;
    let language = person.0.settings.language;
    let _turn = AT_ONCE.acquire().await;
    let change = Change { file: Some(bytes.into()), ..Change::default() };
    let saved = state.artifacts.save(&person.viewer(), &id, base.base_version, change, language).await?;
    Ok(outcome(saved, language).await)
}

/// Which version is to come back.
#[derive(Deserialize)]
pub(crate) struct Back {
    version: i32,
}

/// `POST /artifacts/{id}/restore`.
pub(crate) async fn restore(
    State(state): State<AppState>,
    person: Person,
    ApiId(id): ApiId<ArtifactId>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult<Response> {
    let bytes = body::read(&headers, request.into_body(), body::JSON_BYTES).await?;
    let back: Back = body::parse_json(&bytes)?;
    let version = state.artifacts.restore(&person.viewer(), &id, back.version).await?;
    Ok(Json(Outcome { version, html: None }).into_response())
}

/// `POST /artifacts`: a form with one `file`; it becomes an artifact of the kind that it is.
pub(crate) async fn upload(State(state): State<AppState>, person: Person, request: Request) -> ApiResult<Response> {
    let html = accepts_html(request.headers());
    match uploaded(&state, &person, request).await {
        Ok(id) if html => Ok(Redirect::to(&format!("/artifacts/{id}")).into_response()),
        Ok(id) => Ok(Json(serde_json::json!({ "id": id })).into_response()),
        Err(error) if html => Ok(Redirect::to(&format!("/artifacts?error={}", error.code.as_str())).into_response()),
        Err(error) => Err(error),
    }
}

async fn uploaded(state: &AppState, person: &Person, request: Request) -> ApiResult<ArtifactId> {
    let too_large = |error: ApiError| match error.code {
        ErrorCode::BodyTooLarge => ApiError::new(ErrorCode::ArtifactTooLarge),
        _ => error,
    };
    let (name, bytes) = file_of(request, MAX_BYTES).await.map_err(too_large)?;
    let language = person.0.settings.language;
    let _turn = AT_ONCE.acquire().await;
    let draft = Draft { content: bytes.into(), file_name: name, ..Draft::default() };
    Ok(state.artifacts.create(&person.viewer(), draft, language).await?)
}

/// `GET /share/artifact/{token}`: one version, for whoever has the link.
pub(crate) async fn show_shared(asked: Asked, Extension(pages): Extension<PageState>) -> ApiResult<Response> {
    let assets = pages.assets().clone();
    let html = aside(move || cjhirashi_web::shared_artifact(asked.language, &assets, &asked.opened, &asked.base));
    let mut response = kept_short(Html(html.await).into_response());
    // Its own script makes tables scroll; a page in it stands in a frame of its own origin.
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                  connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    Ok(response)
}
