namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// Faults D1 to D41 of the durable parts of other AdCP SDKs, each as the requirement that avoids it, and the tests that show it.
/// </summary>
public sealed class OutboxSdkFaultRequirements
{
    private static readonly Requirement[] Requirements =
    [
        Requirement.Partly(
            "D1: An attempt is a unit of its own, and a dead endpoint has no place between attempts",
            "Rates and times are measured by the benchmark, not by a test.",
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_dead_endpoint_delays_no_other)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.An_open_circuit_is_probed_once_a_period_however_many_rows_wait))),
        Requirement.Partly(
            "D2: The library owns the worker, and a commit wakes it",
            "Rates and times are measured by the benchmark, not by a test.",
            (typeof(OutboxWakeUpTests), nameof(OutboxWakeUpTests.Each_commit_of_the_outbox_notifies_and_a_hint_of_others_wakes)),
            (typeof(PostgreSqlWakeUpTests),
                nameof(PostgreSqlWakeUpTests.Worker_that_does_not_poll_delivers_a_webhook_of_another_process))),
        Requirement.Of(
            "D3: An unreadable row ends alone, and a missing key pauses its rows only",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.One_row_that_was_tampered_with_is_a_dead_letter_and_all_others_are_delivered)),
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Rows_under_an_unknown_key_wait_and_hold_up_no_others))),
        Requirement.Of(
            "D4: A webhook that ends is kept whole with its reason",
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.A_dead_letter_is_there_until_its_retention_is_over)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Dead_row_is_kept_whole_with_its_reason)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Row_that_ends_without_an_attempt_has_no_first_attempt))),
        Requirement.Of(
            "D5: 401, 408, 425, 429 and 5xx are tried again",
            (typeof(OutboxOwnFaultTests), nameof(OutboxOwnFaultTests.Answer_that_is_not_final_is_tried_again))),
        Requirement.Of(
            "D6: Delays grow over the life of a webhook, Retry-After is kept, and an endpoint has one probe a period",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Webhook_is_parked_as_long_as_Retry_After_says_up_to_the_cap)),
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.No_attempt_is_made_before_Retry_After_is_over)),
            (typeof(OutboxRetryTests),
                nameof(OutboxRetryTests.Delay_grows_over_the_life_of_a_webhook_and_a_restart_does_not_begin_it_anew)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.An_open_circuit_is_probed_once_a_period_however_many_rows_wait))),
        Requirement.Partly(
            "D7: Nothing is written before an attempt, and a first success is one insertion and one deletion",
            "The log of the database is measured by the benchmark.",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.First_success_is_one_insertion_and_one_deletion_and_updates_no_row))),
        Requirement.Of(
            "D8: An end is written once, and under the fence",
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Late_settlement_of_a_row_that_has_ended_changes_neither_its_dead_letter_nor_its_redrive)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Settlement_of_a_worker_that_is_gone_changes_nothing))),
        Requirement.Of(
            "D9: The clock of the database decides the horizon",
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Wrong_clock_of_a_process_neither_ends_nor_repeats_nor_delays_anything)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Binding_retires_by_the_databases_clock_and_stays_until_its_time_is_over))),
        Requirement.Of(
            "D10: The horizon begins with the first attempt, and a maximum age with the enqueueing, each with its reason",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Rescheduled_row_keeps_its_horizon_and_counts_its_attempts)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.No_attempt_is_made_after_the_horizon_of_the_first_one)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_webhook_older_than_its_maximum_age_is_not_sent)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Row_that_is_parked_before_an_attempt_has_no_horizon_but_keeps_its_maximum_age))),
        Requirement.Of(
            "D11: Nothing is kept for ever",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Delivered_row_is_gone_and_only_that_one)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Binding_retires_by_the_databases_clock_and_stays_until_its_time_is_over)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Purge_deletes_streams_that_were_not_used_for_four_hundred_days))),
        Requirement.Without(
            "D12: A publication is one row, and its expansion resumes",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver."),
        Requirement.Without(
            "D13: A fan-out has no most receivers",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver."),
        Requirement.Without(
            "D14: Receivers of an event are found by an index",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver."),
        Requirement.Without(
            "D15: One damaged subscription silences no other",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver."),
        Requirement.Partly(
            "D16: What was queued survives a change that does not concern it",
            "The authorizer of the host decides by its own data, and a suppressed webhook is kept as a dead letter.",
            (typeof(OutboxAuthorizerTests), nameof(OutboxAuthorizerTests.Deactivation_between_two_attempts_ends_the_delivery_after_one))),
        Requirement.Of(
            "D17: No record is awaited before an attempt",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Sink_that_does_not_answer_holds_up_no_delivery)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.First_success_is_one_insertion_and_one_deletion_and_updates_no_row))),
        Requirement.Without(
            "D18: A connection is used again although answers have bodies",
            "The sender reads a bounded answer; that is tested there."),
        Requirement.Of(
            "D19: Status, endpoints, dead letters and redrive are calls",
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Status_has_the_dead_letters_by_reason_in_a_process_that_only_enqueues)),
            (typeof(OutboxOperationsTests),
                nameof(OutboxOperationsTests.Status_names_what_the_store_has_and_costs_one_reading_in_five_seconds)),
            (typeof(OutboxOperationsTests), nameof(OutboxOperationsTests.Dead_letters_are_listed_counted_and_found_by_each_filter)),
            (typeof(OutboxOperationsTests), nameof(OutboxOperationsTests.Redrive_runs_as_a_job_with_progress_and_is_recorded))),
        Requirement.Of(
            "D20: Webhooks are attempted at once and side by side, and results are committed together",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Thousands_of_changes_are_made_in_one_call)),
            (typeof(SqliteOutboxWritingTests), nameof(SqliteOutboxWritingTests.Calls_that_wait_for_the_same_lock_share_one_commit)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.Delivers_what_was_enqueued_before_and_after_its_start))),
        Requirement.Of(
            "D21: What expires is a dead letter, and no purge removes it before its time",
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.No_attempt_is_made_after_the_horizon_of_the_first_one)),
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Purge_deletes_dead_letters_after_thirty_days_in_batches_and_nothing_that_waits))),
        Requirement.Partly(
            "D22: A purge goes on until nothing is left",
            "The loop of the host is tested with the host.",
            (typeof(OutboxStoreContract),
                nameof(OutboxStoreContract.Purge_deletes_dead_letters_after_thirty_days_in_batches_and_nothing_that_waits))),
        Requirement.Of(
            "D23: Retries take every second turn at most while fresh webhooks wait",
            (typeof(OutboxTurnsTests), nameof(OutboxTurnsTests.Retries_get_every_second_turn_while_fresh_webhooks_wait)),
            (typeof(OutboxTurnsTests), nameof(OutboxTurnsTests.Tenants_take_turns_however_many_webhooks_one_of_them_has))),
        Requirement.Of(
            "D24: An unknown key pauses its rows with an alarm, and only a wrong tag ends a row",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Rows_that_this_process_cannot_open_are_named_once_a_minute_and_end_nothing)),
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Rows_under_an_unknown_key_wait_and_hold_up_no_others)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Rows_that_a_wrong_key_of_the_right_name_cannot_open_are_kept_whole_and_can_be_redriven))),
        Requirement.Of(
            "D25: An exception of any kind ends no delivery",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Exception_of_any_kind_ends_no_delivery))),
        Requirement.Of(
            "D26: The clock of a producer decides nothing",
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Wrong_clock_of_a_producer_moves_no_earliest_time)),
            (typeof(OutboxConditionsContract),
                nameof(OutboxConditionsContract.Wrong_clock_of_a_process_neither_ends_nor_repeats_nor_delays_anything))),
        Requirement.Of(
            "D27: A result that is fenced off is an event",
            (typeof(OutboxLostLaneTests),
                nameof(OutboxLostLaneTests.Results_of_lost_lanes_are_counted_and_logged_and_the_worker_returns_under_another_id))),
        Requirement.Of(
            "D28: A stop drains and gives the lanes back",
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_stop_waits_for_attempts_commits_them_and_gives_the_lanes_back)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Worker_that_leaves_gives_its_lanes_back_and_nothing_is_counted))),
        Requirement.Partly(
            "D29: The end of a task has a delivery id of its own, and keys rotate",
            "Other statuses have none, because a task may enter them again. OutboxSeamTests shows the ids that the platform gives.",
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.Keeps_the_rule)),
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.Rows_under_an_unknown_key_wait_and_hold_up_no_others))),
        Requirement.Without(
            "D30: A publication costs the transaction of the domain one row",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver."),
        Requirement.Of(
            "D31: Discovery does not grow with the number of accounts",
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Endpoints_with_parked_rows_are_listed_with_their_first_due_time)),
            (typeof(PostgreSqlOutboxPlanTests), nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_many_rows))),
        Requirement.Of(
            "D32: A dead receiver is asked less and less, and not for ever",
            (typeof(OutboxRetryTests),
                nameof(OutboxRetryTests.Delay_grows_over_the_life_of_a_webhook_and_a_restart_does_not_begin_it_anew)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.No_attempt_is_made_after_the_horizon_of_the_first_one))),
        Requirement.Of(
            "D33: A fault of the own process costs no attempt and ends nothing",
            (typeof(OutboxOwnFaultTests), nameof(OutboxOwnFaultTests.Fault_of_the_own_process_is_no_attempt_however_often_it_comes)),
            (typeof(OutboxAuthorizerTests), nameof(OutboxAuthorizerTests.Authorizer_that_fails_lets_nothing_through_and_costs_no_attempt))),
        Requirement.Partly(
            "D34: Webhooks that the authorizer holds up are counted and recorded",
            "The health check has no age of them: each is due again 30 s later.",
            (typeof(OutboxAuthorizerTests), nameof(OutboxAuthorizerTests.Authorizer_that_fails_lets_nothing_through_and_costs_no_attempt)),
            (typeof(OutboxAuthorizerTests),
                nameof(OutboxAuthorizerTests.Attempt_that_is_to_be_made_later_is_made_after_the_delay_and_counts_once))),
        Requirement.Partly(
            "D35: Attempts are bounded by the horizon whatever a receiver asks for",
            "The bound of an answer is tested with the sender.",
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Retry_After_gives_no_more_attempts_than_the_policy)),
            (typeof(OutboxRetryTests), nameof(OutboxRetryTests.Retry_After_beyond_the_horizon_ends_the_webhook)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.No_attempt_is_made_after_the_horizon_of_the_first_one))),
        Requirement.Of(
            "D36: An endpoint has one dispatcher",
            (typeof(OutboxTurnsTests),
                nameof(OutboxTurnsTests.Endpoint_has_at_most_its_attempts_under_way_however_many_workers_there_are)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.Two_workers_share_the_lanes_and_deliver_each_webhook_once))),
        Requirement.Of(
            "D37: Numbers of a stream have no gap and no double, and a retry or a redrive keeps them",
            (typeof(OutboxEndToEndContract),
                nameof(OutboxEndToEndContract.Keeps_the_rule)),
            (typeof(OutboxStoreContract), nameof(OutboxStoreContract.Numbers_that_are_drawn_at_the_same_time_have_no_gap_and_no_double)),
            (typeof(OutboxEndToEndContract), nameof(OutboxEndToEndContract.A_redriven_dead_letter_has_the_same_key_and_bytes)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_failed_attempt_is_made_again_with_the_same_key_and_bytes))),
        Requirement.Of(
            "D38: No transaction is open while attempts are under way",
            (typeof(OutboxConditionsContract), nameof(OutboxConditionsContract.No_transaction_is_open_while_attempts_are_under_way))),
        Requirement.Of(
            "D39: The state of an endpoint is visible, and circuit and outbox are wired both ways",
            (typeof(OutboxRestartTests),
                nameof(OutboxRestartTests.Endpoint_with_parked_rows_gets_one_probe_after_a_restart_although_many_fresh_rows_wait)),
            (typeof(OutboxRestartTests),
                nameof(OutboxRestartTests.Endpoint_that_works_again_after_a_restart_is_at_full_speed_after_its_first_success)),
            (typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.An_open_circuit_is_probed_once_a_period_however_many_rows_wait))),
        Requirement.Without(
            "D40: Notifications of a window are coalesced",
            "Not built: the caller decides what it enqueues."),
        Requirement.Without(
            "D41: Two writers of one set are refused at the start",
            "Subscriptions and their fan-out are not part of the library: the caller enqueues for each receiver. Two "
                + "deliverers of one registration are refused, which is tested with the platform."),
    ];

    public static TheoryData<string> Texts => [.. Requirements.Select(static requirement => requirement.Text)];

    [Fact]
    public void Each_fault_is_there_once() => Assert.Equal(
        Enumerable.Range(1, 41).Select(static number => $"D{number}"),
        Requirements.Select(static requirement => requirement.Text[..requirement.Text.IndexOf(':', StringComparison.Ordinal)]));

    [Theory]
    [MemberData(nameof(Texts))]
    public void Requirement_is_shown(string requirement) =>
        Requirements.Single(other => other.Text == requirement).AssertShown();
}
