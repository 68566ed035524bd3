-- Answers that ask for more than was consented to, until the learner decides.
CREATE TABLE offer_answer (
  offer_id TEXT NOT NULL,
  body BLOB NOT NULL,
  at INTEGER NOT NULL,
  decide_by INTEGER NOT NULL,
  PRIMARY KEY (offer_id),
  FOREIGN KEY(offer_id) REFERENCES offer (id)
)
 STRICT;
CREATE INDEX offer_answer_due ON offer_answer (decide_by);
