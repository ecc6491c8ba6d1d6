-- The watches of one account among very many, in the order in which its page lists them.
CREATE INDEX watches_of_accounts ON watches (account, state, next_ms, creator);
