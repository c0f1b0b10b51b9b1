select 'each file has a number', count(*) = count(distinct number) from ledger.recon_file;
select 'numbers go on', coalesce((
  select max(f.number) <= (select last_value from ledger.recon_file_number_seq)
  from ledger.recon_file f), true);
