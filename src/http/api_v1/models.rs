//! Models that can be asked, as OpenAI lists them.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use crate::{
    AppState,
    http::error::{ApiResult, ErrorBody},
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

/// Lists the models.
#[utoipa::path(
    get, path = "/models", tag = "answers",
    responses(
        (status = 200, body = ModelsBody),
        (status = 401, description = "No valid key", body = ErrorBody),
    )
)]
pub(super) async fn list_models(State(state): State<AppState>, _caller: Caller) -> ApiResult<Json<ModelsBody>> {
    let models = state.models.list().await;
    let data = models
        .into_iter()
        .map(|model| ModelBody {
            id: model.id,
            object: "model",
            // Providers do not agree on telling it; the field is required by clients.
            created: 0,
            owned_by: model.provider,
            name: model.name,
            retired_to: model.retired_to,
        })
        .collect();
    Ok(Json(ModelsBody { object: "list", data, default: state.models.default_model() }))
}
