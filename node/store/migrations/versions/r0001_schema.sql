-- Written once from tables.py and gate.sql; never edited afterwards.
CREATE TABLE learner (
  id TEXT NOT NULL,
  wrapped_key BLOB,
  created_at INTEGER NOT NULL,
  erased_at INTEGER,
  PRIMARY KEY (id),
  CONSTRAINT erased CHECK ((wrapped_key is null)=(erased_at is not null))
)
 STRICT;
CREATE TABLE learner_match (
  hash BLOB NOT NULL,
  learner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (hash, learner_id),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX learner_match_learner ON learner_match (learner_id);
CREATE TABLE source_document (
  id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  imported_at INTEGER NOT NULL,
  octets BLOB NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (sha256)
)
 STRICT;
CREATE TABLE import_run (
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY (id)
)
 STRICT;
CREATE TABLE quarantine (
  id TEXT NOT NULL,
  document_id TEXT NOT NULL,
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  "column" TEXT,
  field TEXT,
  reason TEXT NOT NULL,
  raw BLOB,
  at INTEGER NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(document_id) REFERENCES source_document (id)
)
 STRICT;
CREATE INDEX quarantine_document ON quarantine (document_id, line);
CREATE TABLE student_record (
  learner_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (learner_id),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE TABLE catalogue (
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (id)
)
 STRICT;
CREATE INDEX catalogue_at ON catalogue (at);
CREATE TABLE record (
  id TEXT NOT NULL,
  learner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  "key" TEXT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (learner_id, kind, "key"),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE TABLE status_list (
  id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  size INTEGER NOT NULL,
  published BLOB,
  published_at INTEGER,
  dirty INTEGER NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT dirty_flag CHECK (dirty in(0,1))
)
 STRICT;
CREATE TABLE credential (
  id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  learner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  lang TEXT NOT NULL,
  award_date TEXT,
  issued_at INTEGER NOT NULL,
  valid_until INTEGER,
  digest_vc TEXT,
  digest_sd_jwt TEXT,
  body BLOB NOT NULL,
  status_list TEXT NOT NULL,
  status_index INTEGER NOT NULL,
  revoked_at INTEGER,
  revoked_reason TEXT,
  superseded_by TEXT,
  PRIMARY KEY (id),
  UNIQUE (record_id, version),
  UNIQUE (status_list, status_index),
  FOREIGN KEY(record_id) REFERENCES record (id),
  FOREIGN KEY(learner_id) REFERENCES learner (id),
  FOREIGN KEY(status_list) REFERENCES status_list (id),
  FOREIGN KEY(superseded_by) REFERENCES credential (id)
)
 STRICT;
CREATE INDEX credential_digest_sd_jwt ON credential (digest_sd_jwt);
CREATE INDEX credential_digest_vc ON credential (digest_vc);
CREATE INDEX credential_learner ON credential (learner_id);
CREATE TABLE consent_terms (
  consent_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  terms TEXT NOT NULL,
  PRIMARY KEY (consent_id, version),
  FOREIGN KEY(consent_id, version) REFERENCES consent (id, version)
)
 STRICT;
CREATE TABLE consent_grant (
  code_hash BLOB NOT NULL,
  consent_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  used INTEGER NOT NULL,
  PRIMARY KEY (code_hash),
  FOREIGN KEY(consent_id, version) REFERENCES consent (id, version),
  CONSTRAINT used_counts CHECK (used>=0)
)
 STRICT;
CREATE TABLE "query" (
  id TEXT NOT NULL,
  peer TEXT NOT NULL,
  thread TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  close_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  learner_id TEXT,
  consent_id TEXT,
  purpose TEXT NOT NULL,
  body BLOB NOT NULL,
  shown INTEGER NOT NULL CONSTRAINT shown_flag CHECK (shown in(0,1)),
  outcome TEXT,
  PRIMARY KEY (id),
  UNIQUE (peer, thread),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX query_consent ON "query" (consent_id);
CREATE INDEX query_learner ON "query" (learner_id);
CREATE INDEX query_state ON "query" (state, close_at);
CREATE TABLE request (
  id TEXT NOT NULL,
  peer TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  state TEXT NOT NULL,
  body BLOB NOT NULL,
  reference TEXT,
  PRIMARY KEY (id)
)
 STRICT;
CREATE INDEX request_state ON request (state, deadline);
CREATE TABLE offer (
  id TEXT NOT NULL,
  direction TEXT NOT NULL,
  peer TEXT NOT NULL,
  learner_id TEXT,
  consent_id TEXT,
  state TEXT NOT NULL,
  body BLOB NOT NULL,
  at INTEGER NOT NULL,
  decide_by INTEGER,
  PRIMARY KEY (id),
  CONSTRAINT direction_known CHECK (direction in('in','out')),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX offer_learner ON offer (learner_id);
CREATE INDEX offer_peer ON offer (peer, state);
CREATE TABLE delivery (
  id TEXT NOT NULL,
  direction TEXT NOT NULL,
  peer TEXT NOT NULL,
  thread TEXT NOT NULL,
  message_id TEXT NOT NULL,
  message_digest TEXT NOT NULL,
  learner_id TEXT,
  release_id TEXT,
  consent_id TEXT NOT NULL,
  consent_version INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  jws BLOB,
  policy TEXT NOT NULL,
  receipt_id TEXT,
  receipt_jws BLOB,
  PRIMARY KEY (id),
  CONSTRAINT direction_known CHECK (direction in('in','out')),
  UNIQUE (direction, peer, message_id),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX delivery_consent ON delivery (consent_id, consent_version);
CREATE INDEX delivery_learner ON delivery (learner_id);
CREATE INDEX delivery_release ON delivery (release_id);
CREATE INDEX delivery_thread ON delivery (thread);
CREATE TABLE delivery_item (
  delivery_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  credential_id TEXT,
  format TEXT NOT NULL,
  digest TEXT NOT NULL,
  octets BLOB,
  verdict TEXT,
  verified_at INTEGER,
  status TEXT,
  PRIMARY KEY (delivery_id, item_id),
  FOREIGN KEY(delivery_id) REFERENCES delivery (id)
)
 STRICT;
CREATE INDEX delivery_item_credential ON delivery_item (credential_id);
CREATE TABLE obligation (
  delivery_id TEXT NOT NULL,
  uid TEXT NOT NULL,
  due INTEGER,
  state TEXT NOT NULL,
  done_at INTEGER,
  PRIMARY KEY (delivery_id, uid),
  FOREIGN KEY(delivery_id) REFERENCES delivery (id)
)
 STRICT;
CREATE INDEX obligation_due ON obligation (state, due);
CREATE TABLE tombstone (
  hash BLOB NOT NULL,
  version INTEGER,
  until INTEGER NOT NULL,
  PRIMARY KEY (hash)
)
 WITHOUT ROWID,
 STRICT;
CREATE TABLE peer (
  id TEXT NOT NULL,
  did TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  roles TEXT NOT NULL,
  purposes TEXT NOT NULL,
  terms TEXT,
  their_terms TEXT,
  review_by INTEGER,
  max_in_flight INTEGER NOT NULL,
  introduced_at INTEGER NOT NULL,
  decided_at INTEGER,
  basis TEXT,
  reason TEXT,
  PRIMARY KEY (id),
  CONSTRAINT in_flight_positive CHECK (max_in_flight>0),
  UNIQUE (did)
)
 STRICT;
CREATE TABLE organisation_credential (
  digest TEXT NOT NULL,
  subject TEXT NOT NULL,
  issuer TEXT NOT NULL,
  type TEXT NOT NULL,
  octets BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  own INTEGER NOT NULL CONSTRAINT own_flag CHECK (own in(0,1)),
  PRIMARY KEY (digest)
)
 STRICT;
CREATE INDEX organisation_credential_subject ON organisation_credential (subject);
CREATE TABLE statement (
  id TEXT NOT NULL,
  subject TEXT NOT NULL,
  type TEXT NOT NULL,
  octets BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  status_list TEXT NOT NULL,
  status_index INTEGER NOT NULL,
  revoked_at INTEGER,
  PRIMARY KEY (id),
  UNIQUE (status_list, status_index),
  FOREIGN KEY(status_list) REFERENCES status_list (id)
)
 STRICT;
CREATE INDEX statement_subject ON statement (subject);
CREATE TABLE did_archive (
  did TEXT NOT NULL,
  scid TEXT,
  octets BLOB NOT NULL,
  versions TEXT NOT NULL,
  highest INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (did)
)
 STRICT;
CREATE TABLE status_archive (
  url TEXT NOT NULL,
  octets BLOB NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (url)
)
 STRICT;
CREATE TABLE status_version (
  digest TEXT NOT NULL,
  url TEXT NOT NULL,
  octets BLOB NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (digest)
)
 STRICT;
CREATE TABLE delivery_status (
  delivery_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (delivery_id, digest),
  FOREIGN KEY(delivery_id) REFERENCES delivery (id),
  FOREIGN KEY(digest) REFERENCES status_version (digest)
)
 STRICT;
CREATE TABLE outbox (
  id TEXT NOT NULL,
  peer TEXT NOT NULL,
  type TEXT NOT NULL,
  thread TEXT NOT NULL,
  jws BLOB NOT NULL,
  learner_id TEXT,
  release_id TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL CONSTRAINT attempts_count CHECK (attempts>=0),
  state TEXT NOT NULL,
  problem TEXT,
  sent_at INTEGER,
  PRIMARY KEY (id),
  CONSTRAINT state_known CHECK (state in('queued','sent','cancelled','failed')),
  FOREIGN KEY(learner_id) REFERENCES learner (id),
  FOREIGN KEY(release_id) REFERENCES release (id)
)
 STRICT;
CREATE INDEX outbox_due ON outbox (peer, next_at) WHERE state='queued';
CREATE INDEX outbox_learner ON outbox (learner_id);
CREATE INDEX outbox_release ON outbox (release_id);
CREATE INDEX outbox_thread ON outbox (thread);
CREATE TABLE inbox (
  peer TEXT NOT NULL,
  id TEXT NOT NULL,
  digest TEXT NOT NULL,
  type TEXT NOT NULL,
  thread TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  jws BLOB,
  state TEXT NOT NULL,
  problem TEXT,
  PRIMARY KEY (peer, id),
  CONSTRAINT state_known CHECK (state in('pending','done','failed'))
)
 STRICT;
CREATE INDEX inbox_expires ON inbox (expires_at);
CREATE INDEX inbox_pending ON inbox (received_at) WHERE state='pending';
CREATE TABLE nonce (
  keyid TEXT NOT NULL,
  nonce TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (keyid, nonce)
)
 WITHOUT ROWID,
 STRICT;
CREATE INDEX nonce_at ON nonce (at);
CREATE TABLE audit_event (
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  learner_id TEXT,
  blind BLOB NOT NULL,
  event BLOB NOT NULL,
  leaf BLOB NOT NULL,
  PRIMARY KEY (seq),
  CONSTRAINT leaf_length CHECK (length(leaf)=32)
)
 STRICT;
CREATE INDEX audit_event_learner ON audit_event (learner_id);
CREATE TABLE checkpoint (
  size INTEGER NOT NULL,
  at INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (size)
)
 STRICT;
CREATE TABLE access (
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  learner_id TEXT NOT NULL,
  who TEXT NOT NULL,
  role TEXT NOT NULL,
  what TEXT NOT NULL,
  reason TEXT,
  PRIMARY KEY (seq),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX access_learner ON access (learner_id);
CREATE TABLE person (
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  learner_id TEXT,
  name BLOB NOT NULL,
  email BLOB NOT NULL,
  language TEXT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT role_known CHECK (role in('learner','registrar','operator','officer')),
  CONSTRAINT learner_is_known CHECK ((role='learner')=(learner_id is not null)),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE UNIQUE INDEX person_learner ON person (learner_id);
CREATE TABLE invitation (
  token_hash BLOB NOT NULL,
  person_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (token_hash),
  FOREIGN KEY(person_id) REFERENCES person (id)
)
 STRICT;
CREATE TABLE session (
  token_hash BLOB NOT NULL,
  person_id TEXT NOT NULL,
  login_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  csrf TEXT NOT NULL,
  PRIMARY KEY (token_hash),
  FOREIGN KEY(person_id) REFERENCES person (id)
)
 STRICT;
CREATE INDEX session_person ON session (person_id);
CREATE TABLE mail (
  id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  person_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  lang TEXT NOT NULL,
  body BLOB NOT NULL,
  sent_at INTEGER,
  attempts INTEGER NOT NULL,
  PRIMARY KEY (id),
  FOREIGN KEY(person_id) REFERENCES person (id)
)
 STRICT;
CREATE INDEX mail_unsent ON mail (created_at) WHERE sent_at is null;
CREATE TABLE meta (
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY ("key")
)
 STRICT;
create table consent(id text not null check(length(id)=32),version int not null check(version>0),learner text not null,recipient text not null,purpose text not null,
  not_before int not null,not_after int not null,max_uses int not null,
  status text not null check(status in('requested','granted','suspended','refused','withdrawn','superseded')),
  check(not_before<not_after and max_uses>0),primary key(id,version)) strict,without rowid;
create unique index consent_one_live on consent(id) where status in('granted','suspended');
create table consent_scope(consent_id text not null,version int not null,record_id text not null,path text not null,primary key(consent_id,version,record_id,path)) strict,without rowid;
create table consent_event(seq integer primary key,consent_id text not null,version int not null,at int not null,from_status text not null,to_status text not null) strict;
create table release(id text not null primary key check(length(id)=32),consent_id text not null,consent_version int not null,learner text not null,recipient text not null,purpose text not null,
  payload_digest text not null check(length(payload_digest)=51),amends text,at int not null) strict,without rowid;
create index release_uses on release(consent_id,consent_version);
create table release_field(release_id text not null,record_id text not null,path text not null,primary key(release_id,record_id,path)) strict,without rowid;
create table dispatch(seq integer primary key,release_id text not null,at int not null) strict;
create index dispatch_release on dispatch(release_id);
-- consent
create trigger consent_born before insert on consent when new.status<>'requested' begin select raise(abort,'a consent starts as a request'); end;
create trigger consent_noreplace before insert on consent when exists(select 1 from consent where id=new.id and (version>=new.version
  or learner<>new.learner or recipient<>new.recipient or purpose<>new.purpose)) begin select raise(abort,'a consent id keeps its rows, learner, recipient and purpose'); end;
create trigger consent_frozen before update of id,version,learner,recipient,purpose,not_before,not_after,max_uses on consent begin select raise(abort,'terms are frozen'); end;
create trigger consent_fsm before update of status on consent when not coalesce((old.status='requested' and new.status in('granted','refused'))
  or (old.status='granted' and new.status in('suspended','withdrawn','superseded')) or (old.status='suspended' and new.status in('granted','withdrawn','superseded')),0) begin select raise(abort,'illegal transition'); end;
create trigger consent_grant before update of status on consent when new.status='granted' and (exists(select 1 from consent where id=new.id and version<>new.version and (version>new.version and status<>'refused' or status in('granted','suspended')))
  or not exists(select 1 from consent_scope where consent_id=new.id and version=new.version) or not exists(select 1 from clock where now<new.not_after)) begin select raise(abort,'not grantable'); end;
create trigger consent_log after update of status on consent begin insert into consent_event(consent_id,version,at,from_status,to_status) values(new.id,new.version,(select now from clock),old.status,new.status); end;
create trigger consent_nodelete before delete on consent begin select raise(abort,'append only'); end;
-- history and scope
create trigger event_born before insert on consent_event when exists(select 1 from consent_event where seq=new.seq) or new.from_status=new.to_status or new.at is not (select now from clock)
  or not exists(select 1 from consent where id=new.consent_id and version=new.version and status=new.to_status)
  or new.from_status is not coalesce((select to_status from consent_event where consent_id=new.consent_id and version=new.version order by seq desc limit 1),'requested') begin select raise(abort,'events follow transitions'); end;
create trigger event_frozen before update on consent_event begin select raise(abort,'append only'); end;
create trigger event_nodelete before delete on consent_event begin select raise(abort,'append only'); end;
create trigger scope_insert before insert on consent_scope when not exists(select 1 from consent where id=new.consent_id and version=new.version and status='requested') begin select raise(abort,'scope is frozen'); end;
create trigger scope_update before update on consent_scope begin select raise(abort,'scope is frozen'); end;
create trigger scope_delete before delete on consent_scope begin select raise(abort,'scope is frozen'); end;
-- release: one use, or a correction of a release that went out under the same consent
create trigger release_gate before insert on release when not exists(select 1 from consent c,clock k where c.id=new.consent_id and c.version=new.consent_version and c.learner=new.learner and c.recipient=new.recipient
  and c.purpose=new.purpose and c.status='granted' and c.not_before<=k.now and k.now<c.not_after and new.at=k.now
  and case when new.amends is null then (select count(*) from release where consent_id=c.id and consent_version=c.version and amends is null)<c.max_uses
      else exists(select 1 from release r join dispatch d on d.release_id=r.id where r.id=new.amends and r.amends is null and r.consent_id=c.id) end) begin select raise(abort,'no live consent'); end;
create trigger release_noreplace before insert on release when exists(select 1 from release where id=new.id) begin select raise(abort,'append only'); end;
create trigger release_frozen before update on release begin select raise(abort,'append only'); end;
create trigger release_nodelete before delete on release begin select raise(abort,'append only'); end;
create trigger field_gate before insert on release_field when not exists(select 1 from release r join consent_scope s on s.consent_id=r.consent_id and s.version=r.consent_version
  where r.id=new.release_id and s.record_id=new.record_id and s.path=new.path
  and (r.amends is null or exists(select 1 from release_field f where f.release_id=r.amends and f.record_id=new.record_id and f.path=new.path)))
  or exists(select 1 from dispatch where release_id=new.release_id) begin select raise(abort,'out of scope or already dispatched'); end;
create trigger field_frozen before update on release_field begin select raise(abort,'append only'); end;
create trigger field_nodelete before delete on release_field begin select raise(abort,'append only'); end;
-- dispatch: every attempt, every pickup answer, every blob range
create trigger dispatch_gate before insert on dispatch when not exists(select 1 from release r join consent c on c.id=r.consent_id and c.version=r.consent_version,clock k
  where r.id=new.release_id and c.status='granted' and c.not_before<=k.now and k.now<c.not_after and new.at=k.now)
  or not exists(select 1 from release_field where release_id=new.release_id) or exists(select 1 from dispatch where seq=new.seq) begin select raise(abort,'consent is no longer live'); end;
create trigger dispatch_frozen before update on dispatch begin select raise(abort,'append only'); end;
create trigger dispatch_nodelete before delete on dispatch begin select raise(abort,'append only'); end;
-- the clock is the database's own
create view clock(now) as select unixepoch();
-- the audit log: counted from 1 without gaps, never changed
create trigger audit_noreplace before insert on audit_event when exists(select 1 from audit_event where seq=new.seq) begin select raise(abort,'append only'); end;
create trigger audit_gapless after insert on audit_event when new.seq<>coalesce((select max(seq) from audit_event where seq<new.seq),0)+1 begin select raise(abort,'events are counted without gaps'); end;
create trigger audit_frozen before update on audit_event begin select raise(abort,'append only'); end;
create trigger audit_nodelete before delete on audit_event begin select raise(abort,'append only'); end;
create trigger checkpoint_noreplace before insert on checkpoint when exists(select 1 from checkpoint where size=new.size) begin select raise(abort,'append only'); end;
create trigger checkpoint_frozen before update on checkpoint begin select raise(abort,'append only'); end;
create trigger checkpoint_nodelete before delete on checkpoint begin select raise(abort,'append only'); end;
-- what is over stays over; a DID log that was seen never gets shorter
create trigger outbox_over before update of state on outbox when old.state<>'queued' and new.state<>old.state begin select raise(abort,'the message is settled'); end;
create trigger query_over before update of state on query when old.state in('receipted','closed') and new.state<>old.state begin select raise(abort,'the query is over'); end;
create trigger archive_kept before insert on did_archive when exists(select 1 from did_archive where did=new.did and highest>new.highest) begin select raise(abort,'the log was longer'); end;
create trigger archive_grows before update of did,highest on did_archive when new.did<>old.did or new.highest<old.highest begin select raise(abort,'the log was longer'); end;
create trigger archive_nodelete before delete on did_archive begin select raise(abort,'append only'); end;
