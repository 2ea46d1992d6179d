namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Bad conditions, and the tests that show a clear error or a wait, and no webhook lost or sent twice.</summary>
public sealed class OutboxBadConditionRequirements
{
    private static readonly Requirement[] Requirements =
    [
        Requirement.Of(
            "The database is away at the start",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Store_that_is_away_at_the_start_is_a_fault_or_a_wait_and_the_start_can_be_repeated))),
        Requirement.Of(
            "The database goes away while attempts are under way",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Store_that_goes_away_while_attempts_are_under_way_costs_no_webhook_and_no_repeat)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Store_that_goes_away_five_times_ends_no_worker_and_costs_no_webhook)),
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Store_that_takes_no_result_for_thirty_seconds_stops_new_attempts_and_repeats_none))),
        Requirement.Of(
            "The disk is full",
            (typeof(SqliteOutboxConditionsTests),
                nameof(SqliteOutboxConditionsTests.Full_disk_refuses_webhooks_by_a_clear_fault_and_delivers_each_accepted_one_once)),
            (typeof(SqliteOutboxWritingTests),
                nameof(SqliteOutboxWritingTests.Full_disk_refuses_rows_keeps_all_that_was_accepted_and_still_settles))),
        Requirement.Of(
            "The schema is newer than the program",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Schema_that_is_newer_than_the_program_stops_the_start_and_no_row_is_touched)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Schema_that_is_newer_than_this_program_is_refused))),
        Requirement.Of(
            "A key is unknown or wrong",
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Rows_under_an_unknown_key_wait_and_hold_up_no_others)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Rows_that_a_wrong_key_of_the_right_name_cannot_open_are_kept_whole_and_can_be_redriven))),
        Requirement.Of(
            "The clock of the database steps by 10 minutes or 2 days",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Clock_that_steps_forward_delivers_or_expires_each_webhook_once)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Clock_that_steps_back_delays_what_waits_for_a_time_and_nothing_else))),
        Requirement.Of(
            "The clock of a process is wrong by 10 minutes or 2 days",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Wrong_clock_of_a_process_neither_ends_nor_repeats_nor_delays_anything))),
        Requirement.Of(
            "The server ends transactions that are idle",
            (typeof(PostgreSqlOutboxConditionsTests),
                nameof(PostgreSqlOutboxConditionsTests.Transaction_that_the_server_ends_because_it_was_idle_sends_nothing))),
        Requirement.Of(
            "A transaction fails to serialize",
            (typeof(PostgreSqlOutboxConditionsTests),
                nameof(PostgreSqlOutboxConditionsTests.Transaction_that_fails_to_serialize_and_is_made_again_sends_one_webhook)),
            (typeof(PostgreSqlOutboxStoreTests), nameof(PostgreSqlOutboxStoreTests.Defaults_of_a_role_do_not_change_what_a_store_does))),
        Requirement.Of(
            "The listening connection is black-holed",
            (typeof(PostgreSqlWakeUpTests), nameof(PostgreSqlWakeUpTests.Connection_whose_bytes_disappear_is_noticed_and_replaced))),
        Requirement.Of(
            "A transaction is completed, runs elsewhere, is ambient, or is prepared and left",
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.A_transaction_that_is_completed_or_runs_elsewhere_is_refused)),
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.Ambient_transaction_is_refused_by_name_and_nothing_is_enqueued)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Prepared_transaction_is_read_when_it_is_committed_and_holds_up_no_other_row))),
        Requirement.Of(
            "A transaction is rolled back, or not committed yet",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.A_committed_transaction_is_delivered_and_a_rolled_back_one_is_not)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Row_of_a_callers_transaction_is_there_with_its_commit_and_not_before))),
        Requirement.Of(
            "A takeover meets a settlement that is under way",
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Burial_waits_for_an_open_settlement_and_what_it_changed_stays)),
            (typeof(PostgreSqlOutboxStoreContract),
                nameof(PostgreSqlOutboxStoreContract.Settlement_waits_for_an_open_burial_and_follows_its_outcome))),
        Requirement.Of(
            "The tables are read without the encryption key",
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.Nothing_secret_is_readable_in_the_tables))),
        Requirement.Of(
            "A stream is blocked by its first webhook",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.An_ordered_stream_arrives_in_order_although_each_webhook_fails_once)),
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.The_first_webhook_of_an_ordered_stream_blocks_its_stream_only_and_survives_a_restart))),
        Requirement.Of(
            "A redrive has more webhooks than receivers take",
            (typeof(OutboxRedriveTests), nameof(OutboxRedriveTests.Rate_of_a_redrive_is_kept)),
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.After_the_horizon_only_a_notification_is_emitted_again_and_only_under_a_new_key))),
    ];

    public static TheoryData<string> Texts => [.. Requirements.Select(static requirement => requirement.Text)];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Requirement_is_shown(string requirement) =>
        Requirements.Single(other => other.Text == requirement).AssertShown();
}
