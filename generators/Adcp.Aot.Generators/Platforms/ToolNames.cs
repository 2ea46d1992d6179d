using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>The tool names of AdCP.</summary>
internal static class ToolNames
{
    /// <summary>The names that are also task types. A test compares them with <c>WireNames</c>.</summary>
    public static readonly string[] TaskTypes =
    [
        "accept_proposal",
        "acquire_rights",
        "activate_signal",
        "build_creative",
        "buy_products",
        "control_media_buy",
        "create_media_buy",
        "create_property_list",
        "decline_proposals",
        "delete_property_list",
        "get_account_financials",
        "get_brand_identity",
        "get_creative_delivery",
        "get_creative_features",
        "get_principal",
        "get_products",
        "get_property_list",
        "get_rights",
        "get_signals",
        "list_property_lists",
        "log_event",
        "media_buy_delivery",
        "preview_creative",
        "refine_proposals",
        "request_proposals",
        "search_brands",
        "sync_accounts",
        "sync_agent_notification_configs",
        "sync_audiences",
        "sync_catalogs",
        "sync_creatives",
        "sync_event_sources",
        "sync_principal",
        "sync_reporting_receipts",
        "sync_reporting_status",
        "update_media_buy",
        "update_property_list",
        "update_rights",
    ];

    /// <summary>The other names.</summary>
    public static readonly string[] Others =
    [
        "check_governance",
        "get_adcp_capabilities",
        "get_media_buy_artifacts",
        "get_media_buy_delivery",
        "get_media_buys",
        "get_plan_audit_logs",
        "get_task_status",
        "list_account_changes",
        "list_accounts",
        "list_creative_formats",
        "list_creatives",
        "list_tasks",
        "provide_performance_feedback",
        "report_plan_outcome",
        "report_usage",
        "si_initiate_session",
        "si_send_message",
        "si_terminate_session",
        "sync_governance",
        "sync_plans",
    ];

    /// <summary>
    /// Returns the name of AdCP that was probably meant; null if the name is one, or is unlike all of them.
    /// </summary>
    public static string? Near(string name)
    {
        string[] all = [.. TaskTypes, .. Others];
        if (all.Contains(name))
        {
            return null;
        }

        string nearest = all.OrderBy(known => Spelling.Distance(known, name)).First();

        // Two edits are a typing error in a long name, and may be another word in a short one.
        int slips = nearest.Length >= 12 ? 2 : 1;
        return Spelling.Distance(nearest, name) <= slips || nearest.Replace("_", "") == name.Replace("_", "") ? nearest : null;
    }
}
