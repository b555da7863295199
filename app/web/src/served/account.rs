//! `/account`: who somebody is here, their ways in, devices and keys, and what becomes of their data.

use cjhirashi_domain::{
    Timestamp,
    api_key::{ApiKey, Scope},
    audit::AuditEntry,
    spending::Spending,
    user::{LinkedAccount, SignedIn},
};
use cjhirashi_storage::Device;
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ago, command, dangerous, models::spending, named_section, nothing, saved, section, table, words::Words};
use crate::{
    api::account::{AccountDone, EndOtherSessions, EndSession, MadeKey, RefreshProfile, RevokeKey, UnlinkAccount},
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// What the page shows.
pub(crate) struct Account {
    pub(crate) who: SignedIn,
    pub(crate) accounts: Vec<LinkedAccount>,
    pub(crate) devices: Vec<Device>,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) spent: Vec<Spending>,
    pub(crate) log: Vec<AuditEntry>,
    /// Where people may sign in: the name in addresses, and the one they use.
    pub(crate) providers: Vec<(&'static str, String)>,
    /// A key that was just made, which is seen this once.
    pub(crate) made: Option<MadeKey>,
    /// What was just commanded.
    pub(crate) done: Option<AccountDone>,
    pub(crate) now: Timestamp,
}

/// The page's HTML.
pub(crate) fn account(account: Account) -> String {
    let texts = Texts::of(account.who.settings.language);
    let w = Words::of(texts.language);
    let done = saved(account.done.map(|done| w.account_done(done)));
    let user = &account.who.user;
    let head = view! {
        <header class="page-head">
            <h1>{w.account}</h1>
            <p>{user.name.clone().map(|name| format!("{name} · "))} {user.email.clone()} " · " {texts.role_name(user.role)}</p>
        </header>
    };
    let keys = keys(texts, w, &account);
    let (accounts, devices) = (accounts(texts, w, &account), devices(texts, w, &account));
    let spent = named_section(
        Some("usage"),
        w.spent_title,
        Some(w.spent_line),
        ().whole(),
        spending(texts, &account.spent, false),
    );
    let log = section(
        w.activity,
        Some(w.activity_line),
        ().whole(),
        super::audit::lines(texts, w, account.log, false, account.now),
    );
    let data = data(w, &user.email);
    view! {
        {head} {done} {accounts} {devices} {keys} {spent} {log} {data}
    }
    .whole()
    .to_html()
}

fn provider_name(account: &Account, id: &str) -> String {
    let known = account.providers.iter().find(|(provider, _)| *provider == id);
    known.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
}

fn accounts(texts: &'static Texts, w: &'static Words, account: &Account) -> Piece {
    let last = account.accounts.len() == 1;
    let rows = account
        .accounts
        .iter()
        .map(|way| {
            let name = provider_name(account, &way.provider);
            let on = account.providers.iter().any(|(provider, _)| *provider == way.provider);
            let fields = || vec![("id", way.id.to_string())];
            view! {
                <tr>
                    <td class="main">{name} {way.email.clone().map(|email| view! { <div class="faint">{email}</div> })}</td>
                    <td class="right" data-label=w.last_used>
                        {way.used_at.map(|at| ago(texts, account.now, at))}
                    </td>
                    <td class="actions">
                        <div>
                            {on.then(|| command(RefreshProfile::url(), fields(), Icon::Retry, w.refresh_profile))}
                            {(!last)
                                .then(|| {
                                    dangerous(UnlinkAccount::url(), fields(), Icon::Trash, w.unlink, w.unlink_line)
                                })}
                        </div>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let table = if account.accounts.is_empty() { nothing(w.no_accounts) } else { table(rows) };
    let others = account
        .providers
        .iter()
        .map(|(id, name)| {
            view! {
                <form method="post" action=format!("/sign-in/{id}")>
                    <input type="hidden" name="link" value="true" />
                    <button class="button plain-line" type="submit">
                        {icon(Icon::Plus)}
                        {w.link(name)}
                    </button>
                </form>
            }
        })
        .collect_view();
    let actions = view! { <div class="line">{others}</div> }.whole();
    named_section(Some("accounts"), w.ways_in, Some(w.ways_in_line), actions, table)
}

fn devices(texts: &'static Texts, w: &'static Words, account: &Account) -> Piece {
    let rows = account
        .devices
        .iter()
        .map(|device| {
            let name = device.agent.as_deref().map_or_else(|| w.unknown_device.to_owned(), |agent| browser(w, agent));
            let end = (!device.current)
                .then(|| command(EndSession::url(), vec![("id", device.id.to_string())], Icon::Leave, w.end_session));
            view! {
                <tr>
                    <td class="main" title=device.agent.clone()>
                        {name} {device.current.then(|| view! { <span class="faint">" · " {w.this_one}</span> })}
                        <div class="faint">{w.signed_in} " " {ago(texts, account.now, device.signed_in_at)}</div>
                    </td>
                    <td class="right" data-label=w.last_used>
                        {ago(texts, account.now, device.used_at)}
                    </td>
                    <td class="actions">
                        <div>{end}</div>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let others = account.devices.iter().any(|device| !device.current);
    let actions =
        if others { command(EndOtherSessions::url(), Vec::new(), Icon::Leave, w.end_others) } else { ().whole() };
    named_section(Some("devices"), w.devices, Some(w.devices_line), actions, table(rows))
}

/// A browser and a system, as people call them.
fn browser(w: &'static Words, agent: &str) -> String {
    let find = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // Each claims to be those after it.
    let browser = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => {
            agent.split(['/', ' ']).next().filter(|name| !name.is_empty()).unwrap_or(w.unknown_device).to_owned()
        }
    }
}

fn keys(texts: &'static Texts, w: &'static Words, account: &Account) -> Piece {
    let made = account.made.as_ref().map(|MadeKey { name, secret }| {
        view! {
            <div class="callout success" role="status">
                <div>
                    <strong>{name.clone()}</strong>
                    ": "
                    {w.key_once}
                    <div class="secret">
                        <code>{secret.clone()}</code>
                        <button class="button plain-line with-script" type="button" data-copy="">
                            {icon(Icon::Copy)}
                            <span>{texts.copy}</span>
                        </button>
                    </div>
                </div>
            </div>
        }
    });
    let rows = account
        .keys
        .iter()
        .map(|key| {
            let over = key.expires_at.is_some_and(|at| at <= account.now);
            let until =
                key.expires_at.map(|at| if over { w.expired.to_owned() } else { w.until(texts, account.now, at) });
            view! {
                <tr>
                    <td class="main">
                        {key.name.clone()}
                        <div class="faint">
                            <code>{key.prefix.clone()} "…"</code> " · " {w.scope(key.scope)}
                            {until.map(|until| format!(" · {until}"))}
                        </div>
                    </td>
                    <td class="right" data-label=w.last_used>
                        {match key.last_used_at {
                            Some(at) => ago(texts, account.now, at),
                            None => w.never_used.whole(),
                        }}
                    </td>
                    <td class="actions">
                        <div>
                            {dangerous(
                                RevokeKey::url(),
                                vec![("id", key.id.to_string())],
                                Icon::Trash,
                                w.revoke,
                                w.revoke_line,
                            )}
                        </div>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let table = if account.keys.is_empty() { nothing(w.no_keys) } else { table(rows) };
    // The least that most programs need comes first.
    let scopes = [Scope::Write, Scope::Read, Scope::Admin]
        .into_iter()
        .map(|scope| view! { <option value=scope.as_str()>{w.scope(scope)}</option> })
        .collect_view();
    let days = [(90, w.days_90), (365, w.days_365), (0, w.for_ever)];
    let days = days.into_iter().map(|(days, words)| view! { <option value=days>{words}</option> }).collect_view();
    let form = view! {
        <form method="post" action="/account" class="line">
            <input class="input" name="name" required maxlength="100" placeholder=w.key_name aria-label=w.key_name />
            <select class="select" name="scope" aria-label=w.key_scope>
                {scopes}
            </select>
            <select class="select" name="days" aria-label=w.key_days>
                {days}
            </select>
            <button class="button plain-line" type="submit">
                {icon(Icon::Key)}
                {w.create_key}
            </button>
        </form>
    };
    let line = view! {
        <p class="faint">
            {w.keys_line} " "
            <a href="/api/v1/openapi.json" rel="external">
                {w.api_description}
            </a>
        </p>
    };
    let body = view! { {line} {made} {table} {form} }.whole();
    named_section(Some("keys"), w.keys, None, ().whole(), body)
}

fn data(w: &'static Words, email: &str) -> Piece {
    let export = view! {
        <a class="button plain-line" href="/account/export" rel="external" download>
            {icon(Icon::Download)}
            {w.export}
        </a>
    };
    let delete = view! {
        <details class="danger-zone">
            <summary class="button danger plain-line">{icon(Icon::Trash)} {w.delete_account}</summary>
            <form class="stack" method="post" action="/account/delete">
                <p>{w.delete_account_line}</p>
                <label for="confirm-address">{w.type_address} " " <strong>{email.to_owned()}</strong></label>
                <input
                    class="input"
                    id="confirm-address"
                    name="address"
                    required
                    maxlength="254"
                    autocomplete="off"
                    spellcheck="false"
                />
                <button class="button danger plain-line" type="submit">
                    {w.delete_now}
                </button>
            </form>
        </details>
    };
    let body = view! { <div class="stack">{delete}</div> }.whole();
    named_section(Some("data"), w.data, Some(w.data_line), export.whole(), body)
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::settings::Language;

    use super::*;

    #[test]
    fn a_browser_is_called_what_people_call_it() {
        let w = Words::of(Language::En);
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36";
        assert_eq!(browser(w, chrome), "Chrome, Linux");
        assert_eq!(browser(w, &format!("{chrome} Edg/149.0.0.0")), "Edge, Linux");
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 20_0 like Mac OS X) AppleWebKit/605.1.15 Version/20.0 Safari/604.1";
        assert_eq!(browser(w, phone), "Safari, iPhone");
        assert_eq!(browser(w, "curl/8.5.0"), "curl");
        assert_eq!(browser(w, ""), w.unknown_device);
    }
}
