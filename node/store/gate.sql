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
