//! The rules of an inbox, one test a rule: what a forger may try, and what the owner may do.

use crate::identity::{Change, Refused, check_update};
use crate::proto::identity::IdentityUpdate;

use super::signer::{Wish, add, installation, update, wallet};

/// An inbox of `wallet(1)` with `installation(2)`.
fn created() -> Vec<IdentityUpdate> {
    let (owner, app) = (wallet(1), installation(2));
    let wishes = [Wish::Create(owner.clone(), 0), add(&app, &owner)];
    let update = update(&owner.inbox(), 1, &wishes);
    let change = check_update(&[], &update).expect("an honest creation");
    assert_eq!(change.linked, [owner.name()]);
    vec![update]
}

#[track_caller]
fn refused(log: &[IdentityUpdate], second: u64, wishes: &[Wish], why: Refused) {
    let update = update(&wallet(1).inbox(), second, wishes);
    assert_eq!(check_update(log, &update), Err(why));
}

#[track_caller]
fn accepted(log: &mut Vec<IdentityUpdate>, second: u64, wishes: &[Wish]) -> Change {
    let update = update(&wallet(1).inbox(), second, wishes);
    let change = check_update(log, &update).expect("an honest update");
    log.push(update);
    change
}

#[test]
fn nobody_creates_somebody_elses_inbox() {
    let (owner, mallory) = (wallet(1), wallet(6));
    let mut update = update(&owner.inbox(), 1, &[Wish::Create(mallory.clone(), 0)]);
    assert_eq!(check_update(&[], &update), Err(Refused::WrongInbox));
    let create = update.actions[0].create_inbox.as_mut().expect("a creation");
    create.initial_identifier = owner.name();
    assert_eq!(check_update(&[], &update), Err(Refused::Signature));
}

#[test]
fn the_nonce_belongs_to_the_inbox() {
    let update = update(&wallet(1).inbox(), 1, &[Wish::Create(wallet(1), 1)]);
    assert_eq!(check_update(&[], &update), Err(Refused::WrongInbox));
}

#[test]
fn nothing_comes_before_the_creation_and_there_is_one() {
    let wish = add(&installation(3), &wallet(1));
    refused(&[], 2, &[wish], Refused::NotCreated);
    refused(
        &created(),
        2,
        &[Wish::Create(wallet(1), 0)],
        Refused::CreatedTwice,
    );
}

#[test]
fn nobody_maps_an_address_without_its_signature() {
    let (log, victim) = (created(), wallet(5));
    let alone = Wish::Add {
        member: victim.clone(),
        by: wallet(1),
        signed_by: wallet(1),
    };
    refused(&log, 2, &[alone], Refused::NewMember);
    let change = accepted(&mut created(), 2, &[add(&victim, &wallet(1))]);
    assert_eq!(change.linked, [victim.name()]);
}

#[test]
fn strangers_add_nobody() {
    let (log, mallory) = (created(), wallet(6));
    refused(
        &log,
        2,
        &[add(&installation(7), &mallory)],
        Refused::NotMember,
    );
    refused(&log, 2, &[add(&mallory, &mallory)], Refused::AddsItself);
    let app = add(&installation(7), &installation(2));
    refused(&log, 2, &[app], Refused::InstallationAdds);
    accepted(&mut created(), 2, &[add(&wallet(5), &installation(2))]);
}

#[test]
fn only_the_recovery_address_revokes() {
    let mut log = created();
    accepted(&mut log, 2, &[add(&wallet(5), &wallet(1))]);
    accepted(&mut log, 3, &[add(&installation(8), &wallet(5))]);
    for other in [wallet(5), wallet(6), installation(2)] {
        let wish = Wish::Revoke(installation(2), other);
        refused(&log, 4, &[wish], Refused::NotRecovery);
    }
    let change = accepted(&mut log, 4, &[Wish::Revoke(wallet(5), wallet(1))]);
    assert_eq!(change.unlinked, [wallet(5).name()]);
    // What it added went with it; what others added did not.
    refused(
        &log,
        5,
        &[add(&wallet(9), &installation(8))],
        Refused::NotMember,
    );
    accepted(&mut log, 5, &[add(&wallet(9), &installation(2))]);
}

#[test]
fn the_recovery_address_passes_on_its_right() {
    let mut log = created();
    let theft = Wish::Recovery(wallet(6), wallet(6));
    refused(&log, 2, &[theft], Refused::NotRecovery);
    accepted(&mut log, 2, &[Wish::Recovery(wallet(5), wallet(1))]);
    let late = Wish::Revoke(installation(2), wallet(1));
    refused(&log, 3, &[late], Refused::NotRecovery);
    accepted(&mut log, 3, &[Wish::Revoke(installation(2), wallet(5))]);
}

#[test]
fn a_signature_serves_once() {
    let mut log = created();
    let link = [add(&wallet(5), &wallet(1))];
    accepted(&mut log, 2, &link);
    accepted(&mut log, 3, &[Wish::Revoke(wallet(5), wallet(1))]);
    refused(&log, 2, &link, Refused::Replayed);

    // The same signature in its other spellings.
    let mut again = update(&wallet(1).inbox(), 2, &link);
    again.client_timestamp_ns += 5;
    let signatures = again.actions[0].add.as_mut().expect("an addition");
    for signature in [
        signatures.existing_member_signature.as_mut(),
        signatures.new_member_signature.as_mut(),
    ] {
        let erc191 = signature.and_then(|it| it.erc191.as_mut());
        let wallet = &mut erc191.expect("a wallet").bytes;
        let mut bytes = wallet.to_vec();
        bytes[64] -= 27;
        *wallet = bytes.into();
    }
    assert_eq!(check_update(&log, &again), Err(Refused::Replayed));
    let signatures = again.actions[0].add.as_mut().expect("an addition");
    let existing = signatures.existing_member_signature.as_mut();
    let wallet = existing.and_then(|it| it.erc191.as_mut());
    let wallet = &mut wallet.expect("a wallet").bytes;
    let low = k256::ecdsa::Signature::from_slice(&wallet[..64]).expect("a signature");
    let high = k256::ecdsa::Signature::from_scalars(*low.r(), -*low.s()).expect("a signature");
    let mut bytes = high.to_bytes().to_vec();
    bytes.push(1 - wallet[64]);
    *wallet = bytes.into();
    assert_eq!(check_update(&log, &again), Err(Refused::Signature));
}

#[test]
fn every_part_of_an_update_is_signed() {
    let log = created();
    let honest = update(&wallet(1).inbox(), 2, &[add(&wallet(5), &wallet(1))]);

    let mut later = honest.clone();
    later.client_timestamp_ns += 1_000_000_000;
    assert_eq!(check_update(&log, &later), Err(Refused::NewMember));

    let mut more = honest.clone();
    more.actions.push(more.actions[0].clone());
    assert_eq!(check_update(&log, &more), Err(Refused::NewMember));

    let mut other = honest.clone();
    let added = other.actions[0].add.as_mut().expect("an addition");
    added.new_member = Some(wallet(6).member());
    assert_eq!(check_update(&log, &other), Err(Refused::NewMember));

    let mut two_at_once = honest.clone();
    two_at_once.actions[0].revoke = Some(crate::proto::identity::RevokeAssociation::default());
    assert_eq!(check_update(&log, &two_at_once), Err(Refused::Action));

    let mut shouting = honest;
    let added = shouting.actions[0].add.as_mut().expect("an addition");
    let member = added.new_member.as_mut().expect("a member");
    member.ethereum_address = Some(wallet(5).name().to_uppercase());
    assert_eq!(check_update(&log, &shouting), Err(Refused::Address));
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let log = created();
    let honest = update(&wallet(1).inbox(), 2, &[add(&wallet(5), &wallet(1))]);
    let foreign = bytes::Bytes::from_static(b"x");
    for change in [
        |it: &mut crate::proto::identity::Signature, by| it.contract_wallet = Some(by),
        |it: &mut crate::proto::identity::Signature, by| it.delegated = Some(by),
        |it: &mut crate::proto::identity::Signature, by| it.passkey = Some(by),
    ] {
        let mut update = honest.clone();
        let added = update.actions[0].add.as_mut().expect("an addition");
        let signature = added.existing_member_signature.as_mut();
        change(signature.expect("a signature"), foreign.clone());
        assert_eq!(check_update(&log, &update), Err(Refused::Unverifiable));
    }
    let mut unsigned = honest;
    let added = unsigned.actions[0].add.as_mut().expect("an addition");
    added.new_member_signature = None;
    assert_eq!(check_update(&log, &unsigned), Err(Refused::Unsigned));
}

#[test]
fn an_update_has_a_bounded_number_of_actions() {
    let log = created();
    refused(&log, 2, &[], Refused::Actions);
    let many: Vec<Wish> = (0..65)
        .map(|_| Wish::Revoke(installation(9), wallet(1)))
        .collect();
    refused(&log, 2, &many, Refused::Actions);
}
