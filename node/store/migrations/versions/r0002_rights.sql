-- What learners ask under data protection law.
CREATE TABLE rights_request (
  id TEXT NOT NULL,
  learner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  body BLOB NOT NULL,
  answer BLOB,
  answered_at INTEGER,
  done_at INTEGER,
  PRIMARY KEY (id),
  CONSTRAINT kind_known CHECK (kind in('correction','erasure','cessation')),
  CONSTRAINT state_known CHECK (state in('open','accepted','refused','done')),
  CONSTRAINT answered CHECK ((state='open')=(answer is null)),
  CONSTRAINT answered_when CHECK ((answer is null)=(answered_at is null)),
  CONSTRAINT done_when CHECK ((state='done')=(done_at is not null)),
  FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 STRICT;
CREATE INDEX rights_request_learner ON rights_request (learner_id);
CREATE INDEX rights_request_state ON rights_request (state, due_at);
