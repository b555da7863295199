//! Which models there are, what they cost, and what was spent on them.

use leptos::server;

use super::Failure;

/// The list of models.
pub(crate) const MODELS: &str = "/admin/models";

/// The most rows of what was spent.
#[cfg(feature = "ssr")]
const ROWS: i64 = 200;

#[cfg(feature = "ssr")]
pub(super) async fn page(query: &super::server::Asked) -> Result<super::served::ServedPage, Failure> {
    use super::server::{admin, services, texts};
    use crate::served;
    let (who, services) = (admin()?, services()?);
    let (prices, spent) = futures::try_join!(services.store.list_prices(), services.store.list_spending(None, ROWS))?;
    let listed = services.models.list().await;
    let models = listed.into_iter().filter(|model| model.id != super::EXTRACTIVE && model.retired_to.is_none());
    let models = models.map(|model| {
        let (context, told) = services.models.known_of(&model.id);
        let entered = prices.iter().find(|(id, _)| *id == model.id).map(|(_, price)| *price);
        served::Offer { id: model.id, provider: model.provider, context, entered, told }
    });
    let t = texts(&who);
    let saved = query.get("done") == Some("price");
    let body = served::models(t, models.collect(), &spent, saved);
    Ok(served::admin_page(t, MODELS, body, false))
}

/// Enters what a model costs, in US dollars for a million tokens; with two empty fields, what its provider tells counts.
#[server(prefix = "/fn", endpoint = "set_price")]
pub(crate) async fn set_price(
    model: String,
    #[server(default)] input: String,
    #[server(default)] output: String,
) -> Result<(), Failure> {
    use super::server::{admin, fail, forward, note, services};
    use cjhirashi_domain::{ErrorCode, audit::Action, spending::Price};
    let (who, services) = (admin()?, services()?);
    let invalid = || fail(ErrorCode::PriceInvalid);
    if model.is_empty() || model.len() > 220 || model.chars().any(char::is_control) {
        return Err(fail(ErrorCode::InvalidRequest));
    }
    let dollars = |text: &str| {
        let price = text.trim().replace(',', ".").parse::<f64>().ok();
        price.filter(|price| (0.0..=100_000.0).contains(price)).ok_or_else(invalid)
    };
    let price = match (input.trim(), output.trim()) {
        ("", "") => None,
        (input, output) => Some(Price { input: dollars(input)?, output: dollars(output)? }),
    };
    services.store.set_price(&model, price).await?;
    note(&services, &who, Action::Administered, None, Some(&format!("set_price {model}"))).await?;
    forward(&format!("{MODELS}?done=price"));
    Ok(())
}
