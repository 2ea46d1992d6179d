using System.Reflection;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Attempts, order, fairness and horizon: each requirement that users of outboxes have, and the test that shows it.</summary>
public sealed class OutboxDeliveryRequirements
{
    public static TheoryData<string, Type, string> All => new()
    {
        {
            "Every attempt has the same key and bytes", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_failed_attempt_is_made_again_with_the_same_key_and_bytes)
        },
        {
            "401, 408, 425, 429 and 5xx are tried again", typeof(OutboxOwnFaultTests),
            nameof(OutboxOwnFaultTests.Answer_that_is_not_final_is_tried_again)
        },
        {
            "A fault of the own process costs no attempt and ends nothing", typeof(OutboxOwnFaultTests),
            nameof(OutboxOwnFaultTests.Fault_of_the_own_process_is_no_attempt_however_often_it_comes)
        },
        {
            "A dead endpoint is probed once a period however many rows wait", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.An_open_circuit_is_probed_once_a_period_however_many_rows_wait)
        },
        { "A dead endpoint delays no other", typeof(OutboxWorkerTests), nameof(OutboxWorkerTests.A_dead_endpoint_delays_no_other) },
        {
            "Slow endpoints delay no other", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.Slow_endpoints_with_many_rows_delay_no_other)
        },
        {
            "A breaker survives a restart as one probe", typeof(OutboxRestartTests),
            nameof(OutboxRestartTests.Endpoint_with_parked_rows_gets_one_probe_after_a_restart_although_many_fresh_rows_wait)
        },
        {
            "The horizon begins with the first attempt and is not extended", typeof(OutboxStoreContract),
            nameof(OutboxStoreContract.Rescheduled_row_keeps_its_horizon_and_counts_its_attempts)
        },
        {
            "Nothing is attempted after the horizon", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.No_attempt_is_made_after_the_horizon_of_the_first_one)
        },
        {
            "A webhook that waited too long is not sent", typeof(OutboxWorkerTests),
            nameof(OutboxWorkerTests.A_webhook_older_than_its_maximum_age_is_not_sent)
        },
        {
            "An ordered stream arrives in order", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.An_ordered_stream_arrives_in_order_although_each_webhook_fails_once)
        },
        {
            "The head of a stream blocks that stream only", typeof(OutboxEndToEndContract),
            nameof(OutboxEndToEndContract.The_first_webhook_of_an_ordered_stream_blocks_its_stream_only_and_survives_a_restart)
        },
        {
            "Authorization is asked before each retry", typeof(OutboxAuthorizerTests),
            nameof(OutboxAuthorizerTests.Authorization_is_asked_again_before_each_retry)
        },
        {
            "An authorizer that throws, hangs or blocks lets nothing through", typeof(OutboxAuthorizerTests),
            nameof(OutboxAuthorizerTests.Authorizer_that_fails_lets_nothing_through_and_costs_no_attempt)
        },
        {
            "Deactivation between two attempts stops the second", typeof(OutboxAuthorizerTests),
            nameof(OutboxAuthorizerTests.Deactivation_between_two_attempts_ends_the_delivery_after_one)
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
