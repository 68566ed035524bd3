-- Guardians: people who act for one learner.
CREATE TABLE person_new (
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  learner_id TEXT,
  name BLOB NOT NULL,
  email BLOB NOT NULL,
  language TEXT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT role_known CHECK (role in('learner','guardian','registrar','operator','officer')),
  CONSTRAINT learner_is_known CHECK ((role in('learner','guardian'))=(learner_id is not null)),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
INSERT INTO person_new SELECT id, role, learner_id, name, email, language FROM person;
DROP TABLE person;
ALTER TABLE person_new RENAME TO person;
CREATE INDEX person_guardian ON person (learner_id) WHERE role='guardian';
CREATE UNIQUE INDEX person_learner ON person (learner_id) WHERE role='learner';
