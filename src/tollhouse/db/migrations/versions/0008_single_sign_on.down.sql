DROP INDEX invitations_any_email_idx;

DROP TABLE user_identities;
