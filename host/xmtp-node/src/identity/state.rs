//! The rules of an inbox: who may add and revoke whom. They are those of the clients, so that none of them ever finds a log
//! here that it must refuse.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;

use super::Refused;
use super::address::{inbox_id, is_address, is_inbox_id};
use super::signature::{Signed, verify};
use super::text::signature_text;
use crate::proto::identity::{
    IdentityAction, IdentityUpdate, KIND_ETHEREUM, KIND_UNSPECIFIED, MemberIdentifier, Signature,
};

/// The most actions of one update. A client revokes all its other installations in one, and it may have ten.
pub(crate) const MOST_ACTIONS: usize = 64;

/// Somebody who belongs to an inbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    Address(String),
    Installation([u8; 32]),
}

/// An action whose parts have the right form. Nothing is said yet about its signatures.
pub(super) enum Act<'a> {
    Create {
        address: &'a str,
        nonce: u64,
        signature: &'a Signature,
    },
    Add {
        member: Member,
        existing: &'a Signature,
        new: &'a Signature,
    },
    Revoke {
        member: Member,
        recovery: &'a Signature,
    },
    ChangeRecovery {
        address: &'a str,
        recovery: &'a Signature,
    },
}

/// What an update does to the addresses of its inbox.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) linked: Vec<String>,
    pub(crate) unlinked: Vec<String>,
}

struct State {
    inbox_id: String,
    recovery: Member,
    /// Each member and who added it: whoever is revoked takes the installations it added along.
    members: BTreeMap<Member, Option<Member>>,
    seen: BTreeSet<[u8; 64]>,
}

/// Checks that `update` may follow on `log`, all of the same inbox, and returns what it changes.
pub(crate) fn check_update(
    log: &[IdentityUpdate],
    update: &IdentityUpdate,
) -> Result<Change, Refused> {
    let mut state = None;
    for earlier in log {
        state = Some(apply(state, earlier)?);
    }
    let before = state.as_ref().map(State::addresses).unwrap_or_default();
    let after = apply(state, update)?.addresses();
    Ok(Change {
        linked: after.difference(&before).cloned().collect(),
        unlinked: before.difference(&after).cloned().collect(),
    })
}

fn apply(state: Option<State>, update: &IdentityUpdate) -> Result<State, Refused> {
    if !is_inbox_id(&update.inbox_id) {
        return Err(Refused::InboxId);
    }
    if update.actions.is_empty() || update.actions.len() > MOST_ACTIONS {
        return Err(Refused::Actions);
    }
    let acts = update
        .actions
        .iter()
        .map(Act::read)
        .collect::<Result<Vec<_>, _>>()?;
    let text = signature_text(&update.inbox_id, update.client_timestamp_ns, &acts)?;

    // A signature may stand under several actions of its update, since its text names them all, but not under another
    // update: hence they are remembered only at the end.
    let mut used = Vec::new();
    let mut state = state;
    for act in &acts {
        state = Some(act.apply(state, &text, &mut used)?);
    }
    let mut state = state.ok_or(Refused::NotCreated)?;
    if state.inbox_id != update.inbox_id {
        return Err(Refused::WrongInbox);
    }
    state.seen.extend(used);
    Ok(state)
}

impl<'a> Act<'a> {
    fn read(action: &'a IdentityAction) -> Result<Self, Refused> {
        match (
            &action.create_inbox,
            &action.add,
            &action.revoke,
            &action.change_recovery_address,
        ) {
            (Some(create), None, None, None) => Ok(Act::Create {
                address: address(&create.initial_identifier, create.identifier_kind)?,
                nonce: create.nonce,
                signature: signed(&create.signature)?,
            }),
            (None, Some(add), None, None) => Ok(Act::Add {
                member: Member::read(add.new_member.as_ref())?,
                existing: signed(&add.existing_member_signature)?,
                new: signed(&add.new_member_signature)?,
            }),
            (None, None, Some(revoke), None) => Ok(Act::Revoke {
                member: Member::read(revoke.member.as_ref())?,
                recovery: signed(&revoke.recovery_signature)?,
            }),
            (None, None, None, Some(change)) => Ok(Act::ChangeRecovery {
                address: address(&change.new_identifier, change.identifier_kind)?,
                recovery: signed(&change.recovery_signature)?,
            }),
            _ => Err(Refused::Action),
        }
    }

    fn apply(
        &self,
        state: Option<State>,
        text: &str,
        used: &mut Vec<[u8; 64]>,
    ) -> Result<State, Refused> {
        let mut check = |signature: &Signature, state: Option<&State>| {
            let Signed { by, unique } = verify(signature, text)?;
            if state.is_some_and(|state| state.seen.contains(&unique)) {
                return Err(Refused::Replayed);
            }
            used.push(unique);
            Ok(by)
        };
        if let Act::Create {
            address,
            nonce,
            signature,
        } = self
        {
            if state.is_some() {
                return Err(Refused::CreatedTwice);
            }
            let owner = check(signature, None)?;
            if owner != Member::Address((*address).to_owned()) {
                return Err(Refused::Signature);
            }
            return Ok(State {
                inbox_id: inbox_id(address, *nonce),
                recovery: owner.clone(),
                members: BTreeMap::from([(owner, None)]),
                seen: BTreeSet::new(),
            });
        }
        let mut state = state.ok_or(Refused::NotCreated)?;
        match self {
            Act::Create { .. } => {}
            Act::Add {
                member,
                existing,
                new,
            } => {
                let adder = check(existing, Some(&state))?;
                if check(new, Some(&state))? != *member {
                    return Err(Refused::NewMember);
                }
                if adder == *member {
                    return Err(Refused::AddsItself);
                }
                if !state.members.contains_key(&adder) && adder != state.recovery {
                    return Err(Refused::NotMember);
                }
                if let (Member::Installation(_), Member::Installation(_)) = (&adder, member) {
                    return Err(Refused::InstallationAdds);
                }
                state.members.insert(member.clone(), Some(adder));
            }
            Act::Revoke { member, recovery } => {
                if check(recovery, Some(&state))? != state.recovery {
                    return Err(Refused::NotRecovery);
                }
                state.members.remove(member);
                state.members.retain(|child, parent| {
                    matches!(child, Member::Address(_)) || parent.as_ref() != Some(member)
                });
            }
            Act::ChangeRecovery { address, recovery } => {
                if check(recovery, Some(&state))? != state.recovery {
                    return Err(Refused::NotRecovery);
                }
                state.recovery = Member::Address((*address).to_owned());
            }
        }
        Ok(state)
    }
}

impl Member {
    fn read(member: Option<&MemberIdentifier>) -> Result<Self, Refused> {
        let member = member.ok_or(Refused::Member)?;
        match (
            &member.ethereum_address,
            &member.installation_key,
            &member.passkey,
        ) {
            (Some(text), None, None) => {
                address(text, KIND_ETHEREUM).map(|text| Member::Address(text.to_owned()))
            }
            (None, Some(key), None) => {
                let key =
                    <[u8; 32]>::try_from(key.as_ref()).map_err(|_| Refused::InstallationKey)?;
                VerifyingKey::from_bytes(&key).map_err(|_| Refused::InstallationKey)?;
                Ok(Member::Installation(key))
            }
            (None, None, Some(_)) => Err(Refused::Unverifiable),
            _ => Err(Refused::Member),
        }
    }
}

impl State {
    fn addresses(&self) -> BTreeSet<String> {
        self.members
            .keys()
            .filter_map(|member| match member {
                Member::Address(address) => Some(address.clone()),
                Member::Installation(_) => None,
            })
            .collect()
    }
}

fn address(text: &str, kind: i32) -> Result<&str, Refused> {
    match kind {
        KIND_UNSPECIFIED | KIND_ETHEREUM if is_address(text) => Ok(text),
        KIND_UNSPECIFIED | KIND_ETHEREUM => Err(Refused::Address),
        _ => Err(Refused::Unverifiable),
    }
}

fn signed(signature: &Option<Signature>) -> Result<&Signature, Refused> {
    signature.as_ref().ok_or(Refused::Unsigned)
}
