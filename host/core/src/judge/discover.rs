//! Cards for a peer: all it may see, made to fit into one message, or one card whole.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Verdict, View};
use crate::canonical::hash_items;
use crate::message::RemoteCard;
use crate::refusal::unknown;
use crate::{Bytes, Entry, Message};

/// A list of cards stays below this, whatever is served.
pub const MAX_CAPABILITIES: Bytes = Bytes::kib(512);

/// What the payload holds besides the cards: its keys, the agent's name and a hash.
const AROUND: usize = 4 << 10;

/// Returns the list of everything that the peer sees, with the hash that old peers keep if they asked for that.
pub(super) fn capabilities(view: &View<'_>, hashed: bool) -> Message {
    let entries = view.sight.cards(view.catalog);
    let cards = fit(&entries, MAX_CAPABILITIES.len().saturating_sub(AROUND));
    Message::Capabilities {
        name: view.agent.to_owned(),
        card_hash: hashed.then(|| hash_items(cards.iter().map(|card| &**card))),
        skills: cards.into_iter().map(RemoteCard::own).collect(),
    }
}

/// Returns the list with its hash, or the hash alone if the peer has that list already.
pub(super) fn validated(view: &View<'_>, cached: Option<&str>) -> Message {
    let mut message = capabilities(view, true);
    if let Message::Capabilities {
        skills, card_hash, ..
    } = &mut message
        && cached.is_some_and(|cached| card_hash.as_deref() == Some(cached))
    {
        skills.clear();
    }
    message
}

/// Returns the whole card of one skill, or the refusal that every name gets which the peer does not see.
pub(super) fn card(name: &str, view: &View<'_>) -> Verdict {
    match view.sight.find(view.catalog, name) {
        Some(entry) => Verdict::Reply(Message::SkillCard(entry.remote_card())),
        None => Verdict::Hidden(Message::Error {
            code: "SKILL_NOT_FOUND".to_owned(),
            message: unknown(name),
        }),
    }
}

/// What a card is reduced to, step by step, until the list fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Bare,
    Stub,
    Absent,
}

/// Returns the cards of `entries` in at most `max` bytes. First `ext` goes, largest first, which `skill_card_query`
/// still fetches; then texts and type words, largest first; and last whole cards, from the end of the alphabet.
fn fit(entries: &[&Arc<Entry>], max: usize) -> Vec<Arc<Value>> {
    let mut forms = vec![Form::Whole; entries.len()];
    // One byte more each: the comma between two cards.
    let mut total: usize = entries.iter().map(|entry| entry.card_len + 1).sum();
    let mut reduce = |to: Form, order: &mut dyn Iterator<Item = (usize, usize)>| {
        for (at, gain) in order {
            if total <= max {
                return;
            }
            if let Some(form) = forms.get_mut(at) {
                *form = to;
                total = total.saturating_sub(gain);
            }
        }
    };
    reduce(
        Form::Bare,
        &mut largest(entries, |e| e.card_len - e.bare_len),
    );
    reduce(
        Form::Stub,
        &mut largest(entries, |e| e.bare_len.saturating_sub(stub_len(e))),
    );
    let last = entries.iter().enumerate().rev();
    reduce(
        Form::Absent,
        &mut last.map(|(at, entry)| (at, stub_len(entry) + 1)),
    );
    let shown = entries.iter().zip(forms);
    shown
        .filter_map(|(entry, form)| match form {
            Form::Whole => Some(Arc::clone(&entry.card)),
            Form::Bare => Some(Arc::clone(&entry.bare)),
            Form::Stub => Some(Arc::new(stub(entry))),
            Form::Absent => None,
        })
        .collect()
}

/// Returns the places of `entries` with what each would gain, the largest gain first.
fn largest(
    entries: &[&Arc<Entry>],
    gain: impl Fn(&Entry) -> usize,
) -> std::vec::IntoIter<(usize, usize)> {
    let mut order: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (at, gain(entry)))
        .collect();
    order.sort_by_key(|(at, gain)| (Reverse(*gain), *at));
    order.into_iter()
}

/// The least that old peers read as a card.
fn stub(entry: &Entry) -> Value {
    let kept = |key: &str| entry.bare.get(key).cloned().unwrap_or_default();
    json!({
        "name": kept("name"),
        "description": "",
        "input_schema": {},
        "output_schema": {},
        "min_trust_tier": kept("min_trust_tier"),
        "max_context_privacy_tier": kept("max_context_privacy_tier"),
    })
}

/// Returns at least the length of a stub: a name has at most 64 bytes.
fn stub_len(entry: &Entry) -> usize {
    entry.name().len() + 160
}
