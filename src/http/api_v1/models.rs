//! Models that can be asked, as OpenAI lists them.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use cjhirashi_domain::ErrorCode;
use cjhirashi_models::ModelInfo;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use crate::{
    AppState,
    http::{
        error::{ApiError, ApiResult},
        openai::OpenAiErrorBody,
    },
};

/// Every model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelsBody {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<ModelBody>,
    /// The model that answers when none is named.
    default: String,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelBody {
    /// `provider:name`, or `extractive`: sentences out of the documents, quoted.
    id: String,
    #[schema(example = "model")]
    object: &'static str,
    created: i64,
    owned_by: String,
    name: String,
    /// The model that answers in its place since its provider shut it down.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_to: Option<String>,
}

impl From<ModelInfo> for ModelBody {
    fn from(model: ModelInfo) -> Self {
        Self {
            id: model.id,
            object: "model",
            // Providers do not agree on telling it; the field is required by clients.
            created: 0,
            owned_by: model.provider,
            name: model.name,
            retired_to: model.retired_to,
        }
    }
}

/// Lists the models.
#[utoipa::path(
    get, path = "/models", tag = "answers",
    responses(
        (status = 200, body = ModelsBody),
        (status = 401, description = "No valid key", body = OpenAiErrorBody),
    )
)]
pub(super) async fn list_models(State(state): State<AppState>, _caller: Caller) -> ApiResult<Json<ModelsBody>> {
    let data = state.models.list().await.into_iter().map(ModelBody::from).collect();
    Ok(Json(ModelsBody { object: "list", data, default: state.models.default_model() }))
}

/// One model of the list.
#[utoipa::path(
    get, path = "/models/{model}", tag = "answers",
    params(("model" = String, Path, description = "As the list or a chat names it, or `default`")),
    responses(
        (status = 200, body = ModelBody),
        (status = 401, description = "No valid key", body = OpenAiErrorBody),
        (status = 404, description = "No such model", body = OpenAiErrorBody),
    )
)]
pub(super) async fn get_model(
    State(state): State<AppState>,
    _caller: Caller,
    parts: Result<Path<Vec<(String, String)>>, PathRejection>,
) -> ApiResult<Json<ModelBody>> {
    // What cannot be read is no model's name either.
    let Path(parts) = parts.map_err(|_| ApiError::new(ErrorCode::ModelNotFound))?;
    let model = parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join("/");
    let models = state.models.list().await;
    let id = match model.trim() {
        "default" => state.models.default_model(),
        // A short name, as a chat may have it.
        name => state.models.chat(name).map_or_else(|_| name.to_owned(), |model| model.id().to_owned()),
    };
    let found = models.into_iter().find(|model| model.id == id);
    found.map(|model| Json(model.into())).ok_or(ApiError::new(ErrorCode::ModelNotFound))
}
