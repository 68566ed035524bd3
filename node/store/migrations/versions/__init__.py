"""One revision a change; a revision that was released is never edited."""
