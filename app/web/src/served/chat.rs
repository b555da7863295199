//! The menu of a chat.

use cjhirashi_domain::chat::{ChatSummary, Filing, Folder};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{hidden, words::Words};
use crate::{
    api::{
        artifacts::ARTIFACTS,
        chats::{DeleteChat, RenameChat},
        conversation::{ForkChat, ShareChat, UnshareChat},
        library::ArrangeChats,
    },
    components::{Icon, Piece, Whole as _, icon},
    texts::Texts,
};

/// The link of a chat, if it is shared.
/// `link`: the whole address, where the chat is shared.
fn sharing(t: &'static Texts, id: &str, link: Option<String>) -> Piece {
    let w = Words::of(t.language);
    let button = |action: &'static str, mark: Icon, label: &'static str| {
        view! {
            <form method="post" action=action data-act="">
                {hidden(vec![("chat", id.to_owned())])}
                <button class="button plain-line" type="submit">
                    {icon(mark)}
                    {label}
                </button>
            </form>
        }
    };
    let Some(link) = link else {
        return button(ShareChat::url(), Icon::Link, w.share_by_link).whole();
    };
    let path = link.find("/share/").map_or(String::new(), |at| link[at..].to_owned());
    view! {
        <div class="stack">
            <div class="pair">
                <a href=path rel="external" target="_blank">
                    {w.shared_link}
                </a>
                <button class="button plain-line with-script" type="button" data-copy="">
                    <code hidden>{link}</code>
                    {icon(Icon::Copy)}
                    <span>{t.copy}</span>
                </button>
            </div>
            <div class="pair">
                {button(ShareChat::url(), Icon::Retry, w.share_again)}
                {button(UnshareChat::url(), Icon::Close, w.revoke_link)}
            </div>
        </div>
    }
    .whole()
}

/// What can be done with a chat.
pub(crate) fn chat_menu(
    t: &'static Texts,
    chat: &ChatSummary,
    filing: &Filing,
    folders: &[Folder],
    link: Option<String>,
    (tokens, cost): (i64, Option<f64>),
) -> String {
    let w = Words::of(t.language);
    let id = chat.id.to_string();
    let arrange = |what: &'static str, mark: Icon, label: &'static str| -> Piece {
        view! {
            <form method="post" action=ArrangeChats::url() data-act="">
                {hidden(vec![("ids[]", id.clone()), ("what", what.to_owned())])}
                <button class="button plain-line" type="submit">
                    {icon(mark)}
                    {label}
                </button>
            </form>
        }
        .whole()
    };
    let folder = filing.folder.as_ref().and_then(|id| folders.iter().find(|folder| folder.id == *id));
    let options = folders.iter().map(|folder| view! { <option value=folder.name.clone()></option> }).collect_view();
    let kept = (!filing.temporary).then(|| {
        view! {
            <div class="pair">
                {if filing.pinned {
                    arrange("unpin", Icon::Pin, w.unpin)
                } else {
                    arrange("pin", Icon::Pin, w.pin)
                }}
                {if filing.archived {
                    arrange("unarchive", Icon::Archive, w.unarchive)
                } else {
                    arrange("archive", Icon::Archive, w.archive_verb)
                }}
            </div>
            <form class="beside" method="post" action=ArrangeChats::url() data-act="">
                {hidden(vec![("ids[]", id.clone()), ("what", "move".to_owned())])}
                <label>
                    <span>{w.folder}</span>
                    <input
                        class="input"
                        name="folder"
                        maxlength="80"
                        list="chat-folders"
                        value=folder.map(|folder| folder.name.clone())
                    />
                </label>
                <datalist id="chat-folders">{options}</datalist>
                <button class="button plain-line" type="submit">
                    {w.move_verb}
                </button>
            </form>
            <form class="beside" method="post" action=ArrangeChats::url() data-act="">
                {hidden(vec![("ids[]", id.clone()), ("what", "relabel".to_owned())])}
                <label>
                    <span>{t.tags}</span>
                    <input class="input" name="tags" maxlength="400" value=filing.tags.join(", ") />
                </label>
                <button class="button plain-line" type="submit">
                    {t.save}
                </button>
            </form>
        }
    });
    let spent = [Some(t.tokens(tokens)), cost.map(|cost| w.money(t, cost))];
    let spent = spent.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    view! {
        <form class="beside" method="post" action=RenameChat::url() data-act="">
            {hidden(vec![("id", id.clone())])}
            <label>
                <span>{t.title}</span>
                <input class="input" name="title" required maxlength="200" value=chat.title.clone() />
            </label>
            <button class="button plain-line" type="submit">
                {w.rename}
            </button>
        </form>
        {kept}
        <form method="post" action=ForkChat::url() data-act="">
            {hidden(vec![("chat", id.clone())])}
            <button class="button plain-line" type="submit">
                {icon(Icon::Branch)}
                {w.copy_chat}
            </button>
        </form>
        {sharing(t, &id, link)}
        <div class="links">
            <a href=format!("{ARTIFACTS}?chat={id}")>{w.artifacts_of_chat}</a>
            <a href=format!("/chat/{id}/export?format=md") rel="external" download="">{w.as_markdown}</a>
            <a href=format!("/chat/{id}/export?format=json") rel="external" download="">{w.as_json}</a>
            <a href=format!("/chat/{id}?shown=100000") rel="external">{w.whole_for_print}</a>
        </div>
        {(tokens > 0).then(|| view! { <p class="faint">{spent}</p> })}
        <details class="sure danger-zone">
            <summary>{icon(Icon::Trash)} <span>{t.delete}</span></summary>
            <form class="stack" method="post" action=DeleteChat::url() data-act="">
                {hidden(vec![("id", id)])}
                <p class="faint">{w.delete_chat_line}</p>
                <button class="button danger plain-line" type="submit">
                    {t.delete_now}
                </button>
            </form>
        </details>
    }
    .to_html()
}
