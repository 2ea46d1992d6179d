namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// Complaints C1 to C42 of users of outboxes and queues, each as the requirement that avoids it, and the tests that show it. A text names
/// its thread.
/// </summary>
public sealed class OutboxComplaintRequirements
{
    private static readonly Requirement[] Requirements =
    [
        Requirement.Of(
            "C1 riverqueue/river#1302: every write of every kind is fenced in its own statement",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Settlement_of_a_worker_that_is_gone_changes_nothing)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Mark_of_a_worker_that_is_gone_is_not_made)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Settlement_without_the_fence_is_found_to_change_rows_of_another_owner)),
            (typeof(OutboxModelTests), nameof(OutboxModelTests.Nothing_is_lost_and_repeats_are_explained))),
        Requirement.Of(
            "C2 riverqueue/river#1105: a row of an unknown format or key is left and alarmed, never ended",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Rows_that_this_process_cannot_open_are_named_once_a_minute_and_end_nothing)),
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Rows_under_an_unknown_key_wait_and_hold_up_no_others))),
        Requirement.Of(
            "C3 riverqueue/river#995: results wait in memory while the store stalls, attempts stop at a bound, and nothing is repeated",
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Store_that_takes_no_result_for_thirty_seconds_stops_new_attempts_and_repeats_none))),
        Requirement.Of(
            "C4 riverqueue/river#917: a log line says how many, whether repeats follow, and what to do",
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Store_that_takes_no_result_for_thirty_seconds_stops_new_attempts_and_repeats_none)),
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Results_of_lost_lanes_are_counted_and_logged_and_the_worker_returns_under_another_id)),
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.No_attempt_starts_under_a_lease_that_may_end_before_its_next_renewal))),
        Requirement.Of(
            "C5 riverqueue/river#1258: no row is in a state that only maintenance ends",
            (typeof(OutboxModelTests), nameof(OutboxModelTests.Nothing_is_lost_and_repeats_are_explained)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Lanes_of_a_dead_worker_are_free_after_its_burial_and_its_death_is_counted))),
        Requirement.Partly(
            "C6 riverqueue/river#59: a vacuum that does not come slows nothing",
            "Rates with autovacuum off are not measured. The test shows that statements stay on the keys among dead rows.",
            (typeof(PostgreSqlOutboxPlanTests),
                nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_dead_rows_that_a_vacuum_could_not_remove))),
        Requirement.Partly(
            "C7 NikolayS/PgQue#80: a snapshot that stays open slows nothing",
            "Rates and times are measured by the benchmark, not by a test.",
            (typeof(PostgreSqlOutboxPlanTests),
                nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_dead_rows_that_a_vacuum_could_not_remove))),
        Requirement.Partly(
            "C8 NikolayS/PgQue#61: no row of control is written per delivery",
            "A worker renews its row five times in a lease: once a second by default.",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.First_success_is_one_insertion_and_one_deletion_and_updates_no_row))),
        Requirement.Partly(
            "C9 awa ADR-025: producers share no row",
            "The rate of many producers is not measured. The tests show that an enqueue updates no row, and that no producer "
                + "waits for the transaction of another one.",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.First_success_is_one_insertion_and_one_deletion_and_updates_no_row)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Producer_waits_for_no_open_transaction_of_another_one_to_the_same_endpoint))),
        Requirement.Of(
            "C10 dbos-inc/dbos-transact-py#774: enqueueing sends no notification in its transaction, and wake-ups are few",
            (typeof(PostgreSqlOutboxConditionsTests),
                nameof(PostgreSqlOutboxConditionsTests.Enqueueing_sends_no_notification_in_the_transaction_of_the_caller)),
            (typeof(PostgreSqlWakeUpTests), nameof(PostgreSqlWakeUpTests.Notifications_in_a_row_are_few_and_the_last_one_is_among_them))),
        Requirement.Of(
            "C11 timgit/pg-boss#850: a listening connection that is black-holed is noticed and replaced",
            (typeof(PostgreSqlWakeUpTests), nameof(PostgreSqlWakeUpTests.Connection_whose_bytes_disappear_is_noticed_and_replaced)),
            (typeof(PostgreSqlWakeUpTests), nameof(PostgreSqlWakeUpTests.Connection_that_the_server_ends_is_replaced))),
        Requirement.Of(
            "C12 bensheldon/good_job#482: all works through a pooler in transaction mode, and missing notifications are named",
            (typeof(PostgreSqlWakeUpTests), nameof(PostgreSqlWakeUpTests.Pooler_in_transaction_mode_is_noticed_and_named)),
            (typeof(PgBouncerOutboxStoreTests), nameof(PgBouncerOutboxStoreTests.Workers_that_take_at_the_same_time_share_the_lanes)),
            (typeof(PgBouncerOutboxEndToEndTests),
                nameof(PgBouncerOutboxEndToEndTests.Ten_thousand_rows_to_many_hosts_are_each_delivered_once_by_two_workers))),
        Requirement.Of(
            "C13 hexpm/hexpm#1825: ownership ends by missed renewals, never by how long an attempt takes",
            (typeof(OutboxWorkerTests),
                nameof(OutboxWorkerTests.A_lease_whose_renewals_fail_for_less_than_its_time_is_held_and_its_attempts_go_on)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Worker_that_renews_late_but_before_its_burial_is_alive))),
        Requirement.Of(
            "C14 oban-bg/oban#862: each incarnation of a worker has a new id",
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Results_of_lost_lanes_are_counted_and_logged_and_the_worker_returns_under_another_id))),
        Requirement.Of(
            "C15 JasperFx/wolverine#4496: nothing is read before the ownership of a lane is committed",
            (typeof(OutboxLostLaneTests), nameof(OutboxLostLaneTests.Nothing_is_read_before_lanes_are_owned)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Reader_reads_its_own_lanes_only_and_nothing_without_a_lane))),
        Requirement.Partly(
            "C16 JasperFx/wolverine#3954: each process counts what is past due and lanes without an owner",
            "The health check that judges the counts is tested with the host.",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Counts_say_how_much_waits_and_who_works))),
        Requirement.Partly(
            "C17 endatix/endatix#956: an attempt starts only under a lease with a margin left",
            "The margin is a fifth of the lease, not the time of an attempt: renewals go on during an attempt, and the end "
                + "of the lease cancels it.",
            (typeof(OutboxLostLaneTests), nameof(OutboxLostLaneTests.No_attempt_starts_under_a_lease_that_may_end_before_its_next_renewal)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_worker_that_loses_its_lease_stops_sending_and_another_takes_over))),
        Requirement.Of(
            "C18 langwatch/langwatch#7037: a result that is fenced off is counted and logged",
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Results_of_lost_lanes_are_counted_and_logged_and_the_worker_returns_under_another_id))),
        Requirement.Of(
            "C19 nuetzliches/hookaido#227: a settlement says for each row whether it was made, and all stores have one contract",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Settlement_says_for_each_row_whether_it_was_made)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Settlement_that_is_made_again_after_its_answer_was_lost_changes_nothing_more)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_settlement_whose_answer_is_lost_repeats_no_attempt))),
        Requirement.Of(
            "C20 sidekiq/sidekiq#4069: a webhook that kills its process three times is quarantined, and others are not",
            (typeof(OutboxQuarantineTests),
                nameof(OutboxQuarantineTests.Webhook_that_kills_three_processes_is_a_dead_letter_and_all_others_are_delivered)),
            (typeof(OutboxQuarantineTests), nameof(OutboxQuarantineTests.Deaths_that_no_webhook_caused_put_nothing_into_quarantine)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Takeover_from_a_dead_owner_counts_the_rows_that_it_may_have_been_sending))),
        Requirement.Of(
            "C21 graphile/worker#204: lanes of a killed process are taken soon",
            (typeof(SqliteOutboxProcessTests),
                nameof(SqliteOutboxProcessTests.Killed_process_is_buried_at_once_although_its_lease_goes_on)),
            (typeof(SqliteOutboxProcessTests),
                nameof(SqliteOutboxProcessTests.Death_of_a_process_is_looked_for_more_often_than_every_half_second)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Lanes_of_a_dead_worker_are_free_after_its_burial_and_its_death_is_counted))),
        Requirement.Partly(
            "C22 graphile/worker#333: many rows and many endpoints that wait cost the others nothing",
            "Times beside 10,000 parked endpoints are not measured. The benchmark measures the healthy rate beside many rows of one "
                + "dead endpoint, and the times of another endpoint's webhooks beside a backlog.",
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_dead_endpoint_delays_no_other)),
            (typeof(OutboxFairnessTests), nameof(OutboxFairnessTests.Slow_endpoints_of_one_tenant_delay_no_other_tenant)),
            (typeof(OutboxFairnessTests),
                nameof(OutboxFairnessTests.Parked_rows_of_slow_endpoints_delay_no_other_tenant_after_a_restart)),
            (typeof(PostgreSqlOutboxPlanTests), nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_many_rows)),
            (typeof(SqliteOutboxProcessTests), nameof(SqliteOutboxProcessTests.No_statement_of_the_worker_scans_a_table))),
        Requirement.Of(
            "C23 keygen-sh/keygen-api#771: an endpoint that hangs takes its own permits only",
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.Slow_endpoints_with_many_rows_delay_no_other)),
            (typeof(OutboxTurnsTests),
                nameof(OutboxTurnsTests.Endpoint_has_at_most_its_attempts_under_way_however_many_workers_there_are))),
        Requirement.Of(
            "C24 postel-sh/postel#126: tenants and endpoints take turns, with a Jain index of 0.95 or more",
            (typeof(OutboxTurnsTests), nameof(OutboxTurnsTests.Tenants_take_turns_however_many_webhooks_one_of_them_has)),
            (typeof(OutboxTurnsTests),
                nameof(OutboxTurnsTests.Endpoints_of_a_tenant_take_turns_however_many_webhooks_one_of_them_has))),
        Requirement.Of(
            "C25 rails/solid_queue#630: the limit of an endpoint holds in the whole fleet",
            (typeof(OutboxTurnsTests),
                nameof(OutboxTurnsTests.Endpoint_has_at_most_its_attempts_under_way_however_many_workers_there_are))),
        Requirement.Of(
            "C26 Particular/NServiceBus.Persistence.Sql#778: a purge deletes in small batches and waits for no lock",
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Purge_deletes_dead_letters_after_thirty_days_in_batches_and_nothing_that_waits)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Purge_passes_over_rows_that_another_transaction_holds_without_waiting))),
        Requirement.Without(
            "C27 pgpartman/pg_partman#796: the maintenance of partitions never deadlocks",
            "There are no partitions: a purge deletes rows."),
        Requirement.Partly(
            "C28 MassTransit/MassTransit#5918: plans and isolation do not depend on statistics and settings",
            "The plans are those of 20,000 rows. 10,000,000 rows are not measured.",
            (typeof(PostgreSqlOutboxStoreTests), nameof(PostgreSqlOutboxStoreTests.Defaults_of_a_role_do_not_change_what_a_store_does)),
            (typeof(PostgreSqlOutboxPlanTests), nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_many_rows)),
            (typeof(PostgreSqlOutboxPlanTests),
                nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_after_an_analysis_of_empty_tables))),
        Requirement.Partly(
            "C29 timgit/pg-boss#228: the hot table has unsettled rows only, and counts of many rows are estimates",
            "The webhooks that wait are counted exactly, at most every ten seconds.",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Delivered_row_is_gone_and_only_that_one)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Dead_letters_are_counted_by_each_filter))),
        Requirement.Of(
            "C30 armadaproject/armada#4914: plans stay on the keys after an analysis of empty tables",
            (typeof(PostgreSqlOutboxPlanTests),
                nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_after_an_analysis_of_empty_tables))),
        Requirement.Of(
            "C31 Krzysztof318/MailFathom#1989: a wrong clock of a process takes over no living lease",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Wrong_clock_of_a_process_neither_ends_nor_repeats_nor_delays_anything))),
        Requirement.Of(
            "C32 bowbahdoe/caveman#37: the time zone of a session changes nothing",
            (typeof(PostgreSqlOutboxStoreTests), nameof(PostgreSqlOutboxStoreTests.Defaults_of_a_role_do_not_change_what_a_store_does))),
        Requirement.Of(
            "C33 kamu-data/kamu-cli#1398: a row of a late commit is found although later ones were read",
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Row_of_a_late_commit_is_read_although_later_transactions_were_read_before)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Reader_that_advances_to_the_last_pages_snapshot_is_found_to_lose_rows)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Any_interleaving_of_transactions_pages_and_lanes_reads_each_committed_row_once))),
        Requirement.Of(
            "C34 timgit/pg-boss#874: a redriven row dies again as a dead letter, and its delivery id does not swallow it",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.A_row_that_is_redriven_and_dies_twice_is_a_dead_letter_twice_and_one_run_redrives_it_once)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Redriven_row_is_new_in_the_log_with_its_attempts_and_horizon))),
        Requirement.Of(
            "C35 nextlyhq/nextly#310: a late result overwrites no redrive",
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Late_settlement_of_a_row_that_has_ended_changes_neither_its_dead_letter_nor_its_redrive)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Dead_letter_that_is_redriven_at_the_same_time_is_moved_once))),
        Requirement.Of(
            "C36 preloopdev/preloop#236: one row that cannot be decrypted stops no other",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.One_row_that_was_tampered_with_is_a_dead_letter_and_all_others_are_delivered))),
        Requirement.Of(
            "C37 que-rb/que#429: rows of another version are left, a newer schema is refused, and two versions run side by side",
            (typeof(OutboxSchemaTests), nameof(OutboxSchemaTests.Tables_of_version_2_are_updated_and_a_process_of_that_release_continues)),
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Rows_that_this_process_cannot_open_are_named_once_a_minute_and_end_nothing)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Schema_that_is_newer_than_this_program_is_refused))),
        Requirement.Partly(
            "C38 Particular/NServiceBus#4293: a database that goes away again and again ends no worker",
            "The crash test restarts a real server.",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Store_that_goes_away_five_times_ends_no_worker_and_costs_no_webhook)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Store_that_goes_away_while_attempts_are_under_way_costs_no_webhook_and_no_repeat))),
        Requirement.Of(
            "C39 rails/solid_queue#385: several writers of one SQLite file get no error",
            (typeof(SqliteOutboxWritingTests), nameof(SqliteOutboxWritingTests.Four_writers_of_one_file_get_no_error_and_lose_nothing)),
            (typeof(SqliteOutboxWritingTests), nameof(SqliteOutboxWritingTests.Own_transaction_gets_its_turn_between_many_calls))),
        Requirement.Of(
            "C40 hookdeck/outpost#611: webhooks of a disabled endpoint stay, and those of a revoked registration end with a reason",
            (typeof(OutboxOperationsTests), nameof(OutboxOperationsTests.Isolated_endpoint_keeps_its_webhooks_waiting)),
            (typeof(OutboxAuthorizerTests), nameof(OutboxAuthorizerTests.Deactivation_between_two_attempts_ends_the_delivery_after_one))),
        Requirement.Of(
            "C41 gabrielkoerich/orch#331: an endpoint that works again gets more and more, not all at once",
            (typeof(OutboxRestartTests),
                nameof(OutboxRestartTests.Endpoint_that_works_again_gets_twice_as_many_in_each_round_trip_at_most)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.An_open_circuit_is_probed_once_a_period_however_many_rows_wait)),
            (typeof(OutboxRestartTests),
                nameof(OutboxRestartTests.Endpoint_with_parked_rows_gets_one_probe_after_a_restart_although_many_fresh_rows_wait))),
        Requirement.Of(
            "C42 goqite: one row is taken by one of many connections",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Workers_that_take_at_the_same_time_share_the_lanes))),
        Requirement.Of(
            "adcontextprotocol/adcp-client#2662: the first binding of a delivery id holds, and it outlives the horizon",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Id_that_is_bound_at_the_same_time_is_bound_by_one)),
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.Keeps_the_rule)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Binding_retires_by_the_databases_clock_and_stays_until_its_time_is_over)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Binding_of_a_row_that_waits_outlives_its_time_and_goes_with_the_row)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Streams_of_any_name_do_not_meet))),
    ];

    public static TheoryData<string> Texts => [.. Requirements.Select(static requirement => requirement.Text)];

    [Fact]
    public void Each_complaint_is_there_once() => Assert.Equal(
        Enumerable.Range(1, 42).Select(static number => $"C{number}"),
        Requirements.Select(static requirement => requirement.Text.Split(' ')[0]).Where(static id => id[0] == 'C'));

    [Theory]
    [MemberData(nameof(Texts))]
    public void Requirement_is_shown(string requirement) =>
        Requirements.Single(other => other.Text == requirement).AssertShown();
}
