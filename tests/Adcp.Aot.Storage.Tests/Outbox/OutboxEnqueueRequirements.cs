using System.Reflection;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Enqueueing, delivery ids and discovery: each requirement that users of outboxes have, and the test that shows it.</summary>
public sealed class OutboxEnqueueRequirements
{
    public static TheoryData<string, Type, string> All => new()
    {
        {
            "A rollback publishes nothing", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.A_committed_transaction_is_delivered_and_a_rolled_back_one_is_not)
        },
        {
            "A row that is not committed is not seen", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Row_of_a_callers_transaction_is_there_with_its_commit_and_not_before)
        },
        {
            "A late commit is found although later ids were read", typeof(PostgreSqlOutboxStoreTests),
            nameof(PostgreSqlOutboxStoreTests.Row_of_a_late_commit_is_read_although_later_transactions_were_read_before)
        },
        {
            "A watermark of the last page is found to lose rows", typeof(PostgreSqlOutboxStoreTests),
            nameof(PostgreSqlOutboxStoreTests.Reader_that_advances_to_the_last_pages_snapshot_is_found_to_lose_rows)
        },
        {
            "A prepared transaction delays no other row", typeof(PostgreSqlOutboxStoreTests),
            nameof(PostgreSqlOutboxStoreTests.Prepared_transaction_is_read_when_it_is_committed_and_holds_up_nobody)
        },
        {
            "The first binding of a delivery id wins", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Id_that_is_bound_at_the_same_time_is_bound_by_one)
        },
        {
            "Another payload under an id is a conflict, and another tenant has ids of its own", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.Keeps_the_rule)
        },
        {
            "An id is retired after the horizon and remembered until its time is over", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Binding_retires_by_the_databases_clock_and_stays_until_its_time_is_over)
        },
        {
            "The id of a webhook that waits is not forgotten", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Binding_of_a_row_that_waits_outlives_its_time_and_goes_with_the_row)
        },
        {
            "Numbers of a stream have no gap", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.Keeps_the_rule)
        },
        {
            "Numbers that are drawn at once have no double", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Numbers_that_are_drawn_at_the_same_time_have_no_gap_and_no_double)
        },
        {
            "A completed transaction, and one of another database, are refused", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.A_transaction_that_is_completed_or_runs_elsewhere_is_refused)
        },
        {
            "Statements stay on the keys after an analysis of empty tables", typeof(PostgreSqlOutboxPlanTests),
            nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_after_an_analysis_of_empty_tables)
        },
        {
            "Statements stay on the keys while a snapshot is held", typeof(PostgreSqlOutboxPlanTests),
            nameof(PostgreSqlOutboxPlanTests.Statements_stay_on_the_keys_among_dead_rows_that_a_vacuum_could_not_remove)
        },
    };

    [Theory]
    [MemberData(nameof(All))]
    public void Requirement_has_a_test(string requirement, Type tests, string name)
    {
        MethodInfo method = Assert.Single(tests.GetMethods(), method => method.Name == name);

        Assert.True(method.GetCustomAttributes<FactAttribute>(inherit: true).Any(), requirement);
    }
}
