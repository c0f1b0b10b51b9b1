-- A file that was taken under a mistyped gateway or account can still be taken for the right one: the same
-- bytes are refused for the same books alone.
alter table recon_file drop constraint recon_file_sha256_livemode_key,
  add unique (gateway, account, livemode, sha256);
