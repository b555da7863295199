//! The menu of a chat.

use cjhirashi_domain::chat::ChatSummary;
use leptos::{prelude::*, server_fn::ServerFn};

use super::hidden;
use crate::{
    api::{
        chats::{DeleteChat, RenameChat},
        conversation::ForkChat,
    },
    components::{Icon, icon},
    texts::Texts,
};

/// What can be done with a chat.
pub(crate) fn chat_menu(t: &'static Texts, chat: &ChatSummary) -> String {
    let id = chat.id.to_string();
    view! {
        <form class="stack" method="post" action=RenameChat::url() data-act="">
            {hidden(vec![("id", id.clone())])}
            <label>
                <span>{t.title}</span>
                <input class="input" name="title" required maxlength="200" value=chat.title.clone() />
            </label>
            <button class="button plain-line" type="submit">
                {t.rename}
            </button>
        </form>
        <form method="post" action=ForkChat::url() data-act="">
            {hidden(vec![("chat", id.clone())])}
            <button class="button plain-line" type="submit">
                {icon(Icon::Branch)}
                {t.copy_chat}
            </button>
        </form>
        <form class="stack danger-zone" method="post" action=DeleteChat::url() data-act="">
            {hidden(vec![("id", id)])}
            <p class="faint">{t.delete_chat_line}</p>
            <button class="button danger plain-line" type="submit">
                {icon(Icon::Trash)}
                {t.delete_now}
            </button>
        </form>
    }
    .to_html()
}
