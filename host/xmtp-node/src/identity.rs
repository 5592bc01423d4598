//! Who belongs to an inbox. Every update that was published is played through again, signatures and all, before the next
//! one is taken: what the log says is what its members signed, in an order that the rules allow.

mod address;
mod signature;
mod state;
mod text;

pub(crate) use address::{is_address, is_inbox_id};
pub(crate) use state::{Change, MOST_ACTIONS, check_update};

/// Why an update was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("an inbox id is 64 lowercase hex digits")]
    InboxId,
    #[error("an address is 0x and 40 lowercase hex digits")]
    Address,
    #[error("an installation key is an Ed25519 key of 32 bytes")]
    InstallationKey,
    #[error("the timestamp is out of range")]
    Timestamp,
    #[error("an update has 1 to {max} actions", max = state::MOST_ACTIONS)]
    Actions,
    #[error("an action is exactly one of create, add, revoke and change of recovery address")]
    Action,
    #[error("a member is exactly one address or installation key")]
    Member,
    #[error("a signature is missing")]
    Unsigned,
    #[error(
        "a kind of identifier or signature that this node cannot verify: it takes wallets' ERC-191 signatures and installation keys"
    )]
    Unverifiable,
    #[error("a signature does not verify")]
    Signature,
    #[error("the inbox id does not follow from the address and the nonce")]
    WrongInbox,
    #[error("the inbox was already created")]
    CreatedTwice,
    #[error("the inbox was not created yet")]
    NotCreated,
    #[error("the signer is not a member")]
    NotMember,
    #[error("only the recovery address may do this")]
    NotRecovery,
    #[error("the new member did not sign")]
    NewMember,
    #[error("a member cannot add itself")]
    AddsItself,
    #[error("an installation cannot add an installation")]
    InstallationAdds,
    #[error("a signature was used before")]
    Replayed,
}
